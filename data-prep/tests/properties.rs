//! Draws 500 random boxes, masks, run lengths and polygons for each rule that holds for all of them, and
//! checks the rule (proptest).
#![allow(clippy::unwrap_used, missing_docs)]

use data_prep::geometry::{Grid, GridBox, Mask, View, box_to_grid};
use data_prep::rle::{CompressedRle, Rle};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A fixed seed, so that the cases are the same on every machine and day.
fn fixed() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn grids() -> impl Strategy<Value = Grid> {
    (1..40_usize, 1..40_usize).prop_map(|(height, width)| Grid { height, width })
}

/// An image's size and a box in or around it, as annotations have them.
fn boxes() -> impl Strategy<Value = ([f64; 4], u32, u32)> {
    (1..3000_u32, 1..3000_u32).prop_flat_map(|(width, height)| {
        let along = |side: u32| {
            (-1.5..2.5_f64, 0.0..2.0_f64).prop_map(move |(from, size)| {
                (from * f64::from(side), (from + size) * f64::from(side))
            })
        };
        (along(width), along(height))
            .prop_map(move |((x1, x2), (y1, y2))| ([x1, y1, x2, y2], width, height))
    })
}

/// A mask's size (rows, columns) and its row-major pixels.
fn bitmaps() -> impl Strategy<Value = (u32, u32, Vec<bool>)> {
    (1..30_u32, 1..30_u32).prop_flat_map(|(height, width)| {
        let pixels = prop::collection::vec(any::<bool>(), (height * width) as usize);
        // Long runs, too: neighbours are alike in half of the masks.
        (pixels, any::<bool>()).prop_map(move |(mut pixels, in_runs)| {
            for i in 1..pixels.len() {
                if in_runs && i % 7 != 0 {
                    pixels[i] = pixels[i - 1];
                }
            }
            (height, width, pixels)
        })
    })
}

/// Whether `inner` lies within `outer`.
fn holds(outer: GridBox, inner: GridBox) -> bool {
    outer.x1 <= inner.x1 && outer.y1 <= inner.y1 && outer.x2 >= inner.x2 && outer.y2 >= inner.y2
}

/// Whether each cell inside `mask` is inside `other`.
fn is_within(mask: &Mask, other: &Mask) -> bool {
    mask.cells()
        .iter()
        .zip(other.cells())
        .all(|(inside, of_other)| !inside || *of_other)
}

proptest! {
    #![proptest_config(fixed())]

    #[test]
    fn a_box_comes_to_lie_on_the_grid((bbox, width, height) in boxes(), grid in grids()) {
        let b = box_to_grid(bbox, width, height, grid);
        prop_assert!(0 <= b.x1 && b.x1 <= b.x2 && b.x2 < grid.width as i32, "{b:?}");
        prop_assert!(0 <= b.y1 && b.y1 <= b.y2 && b.y2 < grid.height as i32, "{b:?}");
        let mask = Mask::from_boxes(&[b], grid);
        prop_assert_eq!(mask.area() as i32, (b.x2 - b.x1) * (b.y2 - b.y1));
    }

    #[test]
    fn a_box_in_another_stays_in_it((bbox, width, height) in boxes(), grid in grids(), shrink in 0.0..0.5_f64) {
        let [x1, y1, x2, y2] = bbox;
        let (dx, dy) = (shrink * (x2 - x1), shrink * (y2 - y1));
        let inner = box_to_grid([x1 + dx, y1 + dy, x2 - dx, y2 - dy], width, height, grid);
        let outer = box_to_grid(bbox, width, height, grid);
        prop_assert!(holds(outer, inner), "{outer:?} {inner:?}");
    }

    #[test]
    fn dilation_grows_with_its_fraction_and_stays_on_the_grid(
        (bbox, width, height) in boxes(),
        grid in grids(),
        less in 0.0..=10.0_f64,
        more in 0.0..=10.0_f64,
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let b = box_to_grid(bbox, width, height, grid);
        let (smaller, larger) = (b.dilated(less, grid), b.dilated(more, grid));
        prop_assert!(holds(smaller, b) && holds(larger, smaller), "{b:?} {smaller:?} {larger:?}");
        let whole = GridBox { x1: 0, y1: 0, x2: grid.width as i32 - 1, y2: grid.height as i32 - 1 };
        prop_assert!(holds(whole, larger), "{larger:?}");
    }

    #[test]
    fn a_union_holds_each_and_no_more(
        (first, second) in (boxes(), boxes()),
        grid in grids(),
    ) {
        let on_grid = |(bbox, width, height): ([f64; 4], u32, u32)| box_to_grid(bbox, width, height, grid);
        let (a, b) = (on_grid(first), on_grid(second));
        let (of_a, of_b) = (Mask::from_boxes(&[a], grid), Mask::from_boxes(&[b], grid));
        let both = Mask::from_boxes(&[a, b], grid);
        prop_assert!(is_within(&of_a, &both) && is_within(&of_b, &both));
        prop_assert!(both.area() <= of_a.area() + of_b.area());
        let mut one_by_one = of_a;
        one_by_one.union_with(&of_b);
        prop_assert_eq!(&one_by_one, &both);
        prop_assert_eq!(both.inverted().area(), grid.cells() - both.area());
        prop_assert_eq!(both.inverted().inverted(), both);
    }

    #[test]
    fn a_view_shows_cells_of_its_part_and_a_flip_is_its_own_inverse(
        (height, width, pixels) in bitmaps(),
        part in prop::array::uniform4(0.0..1.0_f64),
        is_flipped: bool,
    ) {
        let grid = Grid { height: height as usize, width: width as usize };
        let mask = Mask::from_cells(pixels, grid);
        let along = |from: f64, size: f64, cells: usize| {
            let first = (from * cells as f64) as usize;
            (first, 1 + (size * (cells - first) as f64) as usize)
        };
        let ((x, width), (y, height)) = (along(part[0], part[1], grid.width), along(part[2], part[3], grid.height));
        let view = View { x, y, width: width.min(grid.width - x), height: height.min(grid.height - y), is_flipped };
        let seen = mask.seen(view);
        let of_part: Vec<bool> = (y..y + view.height)
            .flat_map(|y| (x..x + view.width).map(move |x| (y, x)))
            .map(|(y, x)| mask.get(y, x))
            .collect();
        for value in [true, false] {
            prop_assert!(of_part.contains(&value) || !seen.cells().contains(&value));
        }
        let whole = View { x: 0, y: 0, width: grid.width, height: grid.height, is_flipped };
        prop_assert_eq!(mask.seen(whole).seen(whole), mask);
    }

    #[test]
    fn run_lengths_come_back_from_every_form((height, width, pixels) in bitmaps()) {
        let rle = Rle::from_bitmap(height, width, &pixels).unwrap();
        prop_assert_eq!(&rle.to_bitmap(), &pixels);
        prop_assert_eq!(rle.area() as usize, pixels.iter().filter(|&&inside| inside).count());
        prop_assert_eq!(&Rle::from_counts(height, width, rle.counts.clone()).unwrap(), &rle);
        prop_assert_eq!(&CompressedRle::from(&rle).decompressed().unwrap(), &rle);
        // On a grid of the image's own size, each cell is its pixel.
        let grid = Grid { height: height as usize, width: width as usize };
        let mask = rle.to_mask(grid);
        prop_assert_eq!(mask.cells(), &pixels[..]);
        let inside: Vec<(u32, u32)> = (0..height * width)
            .filter(|&i| pixels[i as usize])
            .map(|i| (i % width, i / width))
            .collect();
        let bounds = rle.bounding_box().map(|[x, y, w, h]| (x, y, x + w - 1, y + h - 1));
        let (xs, ys) = (inside.iter().map(|p| p.0), inside.iter().map(|p| p.1));
        let expected = xs.clone().min().map(|left| {
            (left, ys.clone().min().unwrap(), xs.max().unwrap(), ys.max().unwrap())
        });
        prop_assert_eq!(bounds, expected);
    }

    #[test]
    fn any_counts_come_back_from_their_text(counts in prop::collection::vec(prop_oneof![0..4_u32, 0..2_000_000_u32], 1..40)) {
        let pixels: u32 = counts.iter().sum();
        prop_assume!(pixels > 0);
        let rle = Rle::from_counts(1, pixels, counts).unwrap();
        prop_assert_eq!(Rle::from_compressed(1, pixels, &rle.to_compressed()).unwrap(), rle);
    }

    #[test]
    fn a_union_of_run_lengths_is_that_of_the_pixels(
        (height, width, pixels) in bitmaps(),
        seeds in prop::collection::vec(any::<u64>(), 0..3),
    ) {
        let mut expected = pixels.clone();
        let mut masks = vec![Rle::from_bitmap(height, width, &pixels).unwrap()];
        for seed in seeds {
            let other: Vec<bool> = (0..pixels.len()).map(|i| seed >> (i % 61) & 1 == 1).collect();
            expected.iter_mut().zip(&other).for_each(|(all, one)| *all |= one);
            masks.push(Rle::from_bitmap(height, width, &other).unwrap());
        }
        let union = Rle::union(&masks).unwrap();
        prop_assert_eq!(union.counts.iter().sum::<u32>(), height * width);
        prop_assert_eq!(union.to_bitmap(), expected);
    }

    #[test]
    fn a_polygon_covers_pixels_of_its_image_near_its_points(
        points in prop::collection::vec((-20.0..80.0_f64, -20.0..80.0_f64), 3..12),
        (height, width) in (1..60_u32, 1..60_u32),
    ) {
        let polygon: Vec<f64> = points.iter().flat_map(|&(x, y)| [x, y]).collect();
        let rle = Rle::from_polygons(&[polygon], height, width).unwrap();
        prop_assert_eq!(rle.counts.iter().map(|&count| u64::from(count)).sum::<u64>(), u64::from(height * width));
        prop_assert_eq!(&CompressedRle::from(&rle).decompressed().unwrap(), &rle);
        if let Some([x, y, w, h]) = rle.bounding_box() {
            let least = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::MAX, f64::min);
            let most = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::MIN, f64::max);
            // Rounding moves a side by at most a pixel.
            prop_assert!(f64::from(x) >= least(|p| p.0) - 1.0 && f64::from(x + w) <= most(|p| p.0) + 1.0);
            prop_assert!(f64::from(y) >= least(|p| p.1) - 1.0 && f64::from(y + h) <= most(|p| p.1) + 1.0);
        }
    }
}

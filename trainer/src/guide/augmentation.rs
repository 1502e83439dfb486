//! Draws which part of a training image an epoch shows, and whether it is flipped: torchvision's
//! `RandomResizedCrop` and `RandomHorizontalFlip` with their default options (docs/SPEC.md C.4). A part is cut
//! from the image at the network's input size, the grid. The crate data-prep then cuts and flips pixels and masks.

use data_prep::geometry::{Grid, View};

use crate::names::Augmentation;
use crate::random;

/// Least and greatest area of a part, as a share of the image's area.
const SCALE: (f64, f64) = (0.08, 1.0);
/// Least and greatest width over height of a part.
const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
/// Attempts at drawing a part; after these the largest central part is taken.
const ATTEMPTS: u64 = 10;

/// Returns the part of the image `image_id` that `epoch` shows, and whether flipped; `None` for the whole
/// image as it is.
pub fn view(
    augmentation: Augmentation,
    grid: Grid,
    seed: u64,
    epoch: i32,
    image_id: &str,
) -> Option<View> {
    match augmentation {
        Augmentation::None => None,
        Augmentation::CropFlip => {
            let stream = random::draw(seed, "augmentation", epoch as u64, image_id);
            Some(crop_flip(grid, stream))
        }
    }
}

/// Draws a part of `grid` and a flip. Number 0 of the uniform numbers of `stream` decides the flip; each attempt
/// takes four more, for area, aspect ratio, top and left edge.
fn crop_flip(grid: Grid, stream: u64) -> View {
    let is_flipped = random::unit(stream, 0) < 0.5;
    let (height, width) = (grid.height as f64, grid.width as f64);
    for attempt in 0..ATTEMPTS {
        let unit = |i: u64| random::unit(stream, 1 + 4 * attempt + i);
        let area = height * width * between(SCALE, unit(0));
        let aspect = between((RATIO.0.ln(), RATIO.1.ln()), unit(1)).exp();
        // Python rounds halves to even.
        let part_width = (area * aspect).sqrt().round_ties_even();
        let part_height = (area / aspect).sqrt().round_ties_even();
        let fits = |part: f64, whole: f64| part >= 1.0 && part <= whole;
        if fits(part_width, width) && fits(part_height, height) {
            let start = |part: f64, whole: f64, unit: f64| ((whole - part + 1.0) * unit) as usize;
            return View {
                x: start(part_width, width, unit(3)),
                y: start(part_height, height, unit(2)),
                width: part_width as usize,
                height: part_height as usize,
                is_flipped,
            };
        }
    }
    // No attempt gave a part that fits: the largest one in the middle whose aspect ratio is allowed.
    let aspect = (width / height).clamp(RATIO.0, RATIO.1);
    let part_width = width.min((height * aspect).round_ties_even()) as usize;
    let part_height = height.min((width / aspect).round_ties_even()) as usize;
    View {
        x: (grid.width - part_width) / 2,
        y: (grid.height - part_height) / 2,
        width: part_width,
        height: part_height,
        is_flipped,
    }
}

/// Returns the number that lies at the share `unit` of the way from `least` to `greatest`.
fn between((least, greatest): (f64, f64), unit: f64) -> f64 {
    least + (greatest - least) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Views of 4000 images: each must lie in the grid; the share of flips and the mean area must be
    /// torchvision's. Aspect ratios may lie a little beyond 3/4 to 4/3, as sides are rounded to pixels.
    #[test]
    fn views_lie_in_the_grid_and_have_the_documented_spread() {
        let grid = Grid {
            height: 40,
            width: 60,
        };
        let n = 4000;
        let (mut flipped, mut area, mut smallest, mut largest) = (0, 0.0, 1.0f64, 0.0f64);
        for image in 0..n {
            let drawn = |epoch| view(Augmentation::CropFlip, grid, 7, epoch, &image.to_string());
            let Some(view) = drawn(1) else {
                panic!("crop_flip shows a part")
            };
            assert_eq!(drawn(1), Some(view), "a pure function");
            assert!(view.width >= 1 && view.x + view.width <= grid.width);
            assert!(view.height >= 1 && view.y + view.height <= grid.height);
            let aspect = view.width as f64 / view.height as f64;
            assert!((0.65..1.55).contains(&aspect), "{view:?}");
            let share = (view.width * view.height) as f64 / grid.cells() as f64;
            area += share / f64::from(n);
            (smallest, largest) = (smallest.min(share), largest.max(share));
            flipped += i32::from(view.is_flipped);
        }
        assert!((0.46..0.54).contains(&(f64::from(flipped) / f64::from(n))));
        // Parts that do not fit are drawn again: torchvision's mean on this grid is 0.398.
        assert!((0.38..0.41).contains(&area), "{area}");
        assert!(smallest < 0.1 && largest > 0.8, "{smallest} {largest}");
        assert_eq!(view(Augmentation::None, grid, 7, 1, "a"), None);
    }

    #[test]
    fn epochs_images_and_seeds_differ() {
        let grid = Grid::square(224);
        let drawn = |seed, epoch, id| view(Augmentation::CropFlip, grid, seed, epoch, id);
        let first = drawn(0, 1, "a");
        assert!(
            first != drawn(0, 2, "a") && first != drawn(0, 1, "b") && first != drawn(1, 1, "a")
        );
    }

    /// On a grid so wide that no drawn part fits, torchvision takes the middle with the aspect ratio 4/3: here 4
    /// of 300 columns.
    #[test]
    fn a_strip_shows_its_middle() {
        let grid = Grid {
            height: 3,
            width: 300,
        };
        let found = crop_flip(grid, 5);
        assert_eq!(
            (found.x, found.y, found.width, found.height),
            (148, 0, 4, 3)
        );
    }
}

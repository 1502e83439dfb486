//! Checks run lengths of polygons, their compressed text and their resize to the grid (the network's input)
//! against the results of pycocotools and Pillow, which `tests/fixtures/coco/make.py` in the workspace's
//! root wrote down. Also checks that random masks are read back as they were written, and that random text gives
//! a mask or an error.
#![allow(clippy::unwrap_used)]

use data_prep::geometry::Grid;
use data_prep::rle::{Malformed, Rle};
use serde::Deserialize;

#[derive(Deserialize)]
struct Masks {
    polygons: Vec<PolygonCase>,
    runs: Vec<RunCase>,
    resized: Vec<ResizeCase>,
}

#[derive(Deserialize)]
struct PolygonCase {
    name: String,
    height: u32,
    width: u32,
    polygons: Vec<Vec<f64>>,
    counts: String,
    area: u64,
    bbox: [u32; 4],
}

#[derive(Deserialize)]
struct RunCase {
    name: String,
    height: u32,
    width: u32,
    uncompressed: Vec<u32>,
    counts: String,
    area: u64,
    bbox: [u32; 4],
}

#[derive(Deserialize)]
struct ResizeCase {
    name: String,
    height: u32,
    width: u32,
    counts: String,
    rows: usize,
    columns: usize,
    resized: String,
}

/// Reads the fixture. `counts` and `resized` are COCO's compressed run lengths, `bbox` is x, y, width, height.
fn masks() -> Masks {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/coco/masks.json"
    );
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

fn compressed(rle: &Rle) -> String {
    String::from_utf8(rle.to_compressed()).unwrap()
}

#[test]
fn polygons_are_filled_as_pycocotools_does() {
    for case in masks().polygons {
        let rle = Rle::from_polygons(&case.polygons, case.height, case.width).unwrap();
        assert_eq!(compressed(&rle), case.counts, "{}", case.name);
        assert_eq!(rle.area(), case.area, "{}", case.name);
        let expected = (case.area > 0).then_some(case.bbox);
        assert_eq!(rle.bounding_box(), expected, "{}", case.name);
    }
}

#[test]
fn runs_are_compressed_as_pycocotools_does() {
    for case in masks().runs {
        let (height, width) = (case.height, case.width);
        let plain = Rle::from_counts(height, width, case.uncompressed).unwrap();
        assert_eq!(compressed(&plain), case.counts, "{}", case.name);
        let text = Rle::from_compressed(height, width, case.counts.as_bytes()).unwrap();
        assert_eq!(text, plain, "{}", case.name);
        assert_eq!(plain.area(), case.area, "{}", case.name);
        let expected = (case.area > 0).then_some(case.bbox);
        assert_eq!(plain.bounding_box(), expected, "{}", case.name);
    }
}

#[test]
fn the_grid_gets_what_pillows_nearest_gives() {
    for case in masks().resized {
        let (rows, columns) = (case.rows, case.columns);
        let rle = Rle::from_compressed(case.height, case.width, case.counts.as_bytes()).unwrap();
        let mask = rle.to_mask(Grid {
            height: rows,
            width: columns,
        });
        let expected =
            Rle::from_compressed(rows as u32, columns as u32, case.resized.as_bytes()).unwrap();
        assert_eq!(mask.cells(), expected.to_bitmap(), "{}", case.name);
    }
}

#[test]
fn bitmaps_come_back() {
    let mut random = Random(1);
    for (height, width) in [(1, 1), (1, 9), (9, 1), (7, 5), (64, 48), (200, 3)] {
        for density in [0, 1, 8, 60, 64] {
            let pixels: Vec<bool> = (0..height * width)
                .map(|_| random.next() % 64 < density)
                .collect();
            let rle = Rle::from_bitmap(height, width, &pixels).unwrap();
            assert_eq!(rle.to_bitmap(), pixels);
            let again = Rle::from_compressed(height, width, &rle.to_compressed()).unwrap();
            assert_eq!(again, rle);
            assert_eq!(
                rle.area(),
                pixels.iter().filter(|&&inside| inside).count() as u64
            );
            let own = Grid {
                height: height as usize,
                width: width as usize,
            };
            assert_eq!(rle.to_mask(own).cells(), pixels);
        }
    }
}

#[test]
fn a_union_is_the_pixels_of_any() {
    let mut random = Random(2);
    for count in 1..6 {
        let bitmaps: Vec<Vec<bool>> = (0..count)
            .map(|_| (0..35 * 20).map(|_| random.next() % 5 < 1).collect())
            .collect();
        let masks: Vec<Rle> = bitmaps
            .iter()
            .map(|pixels| Rle::from_bitmap(35, 20, pixels).unwrap())
            .collect();
        let expected: Vec<bool> = (0..35 * 20)
            .map(|pixel| bitmaps.iter().any(|bitmap| bitmap[pixel]))
            .collect();
        let union = Rle::union(&masks).unwrap();
        assert_eq!(union, Rle::from_bitmap(35, 20, &expected).unwrap());
    }
}

#[test]
fn random_text_gives_a_mask_or_an_error() {
    let mut random = Random(3);
    let mut accepted = 0;
    for length in (0..40).cycle().take(20_000) {
        let text: Vec<u8> = (0..length)
            .map(|_| 45 + (random.next() % 70) as u8)
            .collect();
        for side in [1, 3, 1000, u32::MAX] {
            if let Ok(rle) = Rle::from_compressed(side, 1, &text) {
                accepted += 1;
                assert!(rle.area() <= u64::from(side));
            }
        }
    }
    assert!(accepted > 0, "some text is a mask of so few pixels");
}

#[test]
fn malformed_shapes_say_what_is_wrong() {
    let text = |counts: &str| Rle::from_compressed(3, 4, counts.as_bytes());
    let polygon = |coordinates: &[f64]| Rle::from_polygons(&[coordinates], 10, 10);
    let no_polygons: [Vec<f64>; 0] = [];
    let cases: Vec<(Result<Rle, Malformed>, &str)> = vec![
        (
            Rle::from_counts(3, 4, vec![3, 4]),
            "found counts that sum to 7, expected 3 x 4 = 12 pixels",
        ),
        (
            Rle::from_counts(3, 4, vec![]),
            "found counts that sum to 0, expected 3 x 4 = 12 pixels",
        ),
        (
            Rle::from_counts(2, 1, vec![u32::MAX, u32::MAX]),
            "found counts that sum to 8589934590, expected 2 x 1 = 2 pixels",
        ),
        (
            Rle::from_counts(0, 4, vec![]),
            "found an image of 0 x 4, expected from 1 to 4294967295 pixels",
        ),
        (
            Rle::from_counts(65_536, 65_536, vec![]),
            "found an image of 65536 x 65536, expected from 1 to 4294967295 pixels",
        ),
        (
            Rle::from_bitmap(3, 4, &[true]),
            "found a bitmap of 1 pixels, expected 3 x 4 = 12 pixels",
        ),
        (
            text(";"),
            "found counts that sum to 11, expected 3 x 4 = 12 pixels",
        ),
        (
            text("1 "),
            "found byte 32 at 1 of counts, expected bytes from 48 ('0') to 111 ('o')",
        ),
        (
            text("1p"),
            "found byte 112 at 1 of counts, expected bytes from 48 ('0') to 111 ('o')",
        ),
        (
            text("1P"),
            "found counts that end inside the number at byte 1, expected complete compressed counts",
        ),
        (
            text("oooooooooooooooo0"),
            "found a number of over 40 bits at byte 0 of counts, expected 32-bit counts",
        ),
        (
            text("O"),
            "found count -1 at byte 0, expected a count from 0 to 4294967295",
        ),
        (
            polygon(&[1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0]),
            "found a polygon of 7 coordinates, expected an even number",
        ),
        (
            polygon(&[1.0, 1.0, 5.0, 5.0]),
            "found a polygon of 2 points, expected at least 3 points",
        ),
        (
            polygon(&[]),
            "found a polygon of 0 points, expected at least 3 points",
        ),
        (
            polygon(&[1.0, 1.0, 5.0, f64::NAN, 5.0, 5.0]),
            "found coordinate NaN, expected coordinates from -100000 to 100000",
        ),
        (
            polygon(&[1.0, 1.0, 5.0, 1e300, 5.0, 5.0]),
            "found coordinate 1e300, expected coordinates from -100000 to 100000",
        ),
        (
            Rle::from_polygons(&no_polygons, 10, 10),
            "found no polygon, expected at least one",
        ),
        (Rle::union(&[]), "found no mask, expected at least one"),
        (
            Rle::union(&[
                Rle::from_counts(3, 4, vec![12]).unwrap(),
                Rle::from_counts(4, 3, vec![12]).unwrap(),
            ]),
            "found masks of 4 x 3, expected all of 3 x 4",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

/// Fixed pseudo-random numbers of 31 bits, by Knuth's MMIX generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

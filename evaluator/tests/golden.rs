//! Compares EPG (the share of a map's positive attribution inside boxes) and IoU with the values recorded from the
//! paper's official code (`tests/fixtures/golden/losses_and_metrics.safetensors`): ten maps of 224 × 224 cells with
//! their boxes, edge cases included.
#![allow(clippy::unwrap_used)]

use data_prep::geometry::{Grid, GridBox, Mask};
use evaluator::metrics::energy::energy;
use evaluator::metrics::overlap::iou;
use evaluator::score_pair;
use safetensors::SafeTensors;

/// The recorded maps.
const CASES: [&str; 10] = [
    "all_negative",
    "all_zero",
    "border_box",
    "empty_mask",
    "flat_positive",
    "gaussian_overlapping_boxes",
    "gaussian_plus_noise",
    "signed_noise",
    "single_pixel_box",
    "tiny_energy",
];
/// IoU's thresholds, by their names in the recording.
const THRESHOLDS: [(&str, f64); 5] = [
    ("0.0", 0.0),
    ("0.1", 0.1),
    ("0.25", 0.25),
    ("0.5", 0.5),
    ("0.75", 0.75),
];

#[test]
fn every_case_and_threshold() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/golden/losses_and_metrics.safetensors"
    );
    let bytes = std::fs::read(path).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let data = |name: String| golden.tensor(&name).unwrap().data();
    let float = |name: String| f64::from_le_bytes(data(name).try_into().unwrap());
    let integer = |name: String| i64::from_le_bytes(data(name).try_into().unwrap());
    let names = golden.names();
    assert_eq!(
        names.iter().filter(|name| name.ends_with("/map")).count(),
        CASES.len()
    );

    let grid = Grid::square(224);
    for case in CASES {
        let (map, _) = data(format!("{case}/map")).as_chunks::<4>();
        let map: Vec<f32> = map.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let (corners, _) = data(format!("{case}/boxes")).as_chunks::<8>();
        let corners: Vec<i32> = corners
            .iter()
            .map(|&b| i64::from_le_bytes(b) as i32)
            .collect();
        let boxes: Vec<GridBox> = corners
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&[x1, y1, x2, y2]| GridBox { x1, y1, x2, y2 })
            .collect();
        let mask = Mask::from_boxes(&boxes, grid);

        let epg = energy(&map, &mask).epg();
        let expected = float(format!("{case}/epg"));
        let found = epg.unwrap_or(0.0);
        // The recorded values were computed from float64 maps; the file has the maps rounded to float32.
        assert!(
            (found - expected).abs() < 1e-8,
            "{case} epg {found} {expected}"
        );
        let is_defined = integer(format!("{case}/epg_defined")) == 1;
        assert_eq!(epg.is_some(), is_defined, "{case} epg_defined");

        for (label, threshold) in THRESHOLDS {
            let found = iou(&map, &mask, threshold).value();
            let expected = float(format!("{case}/iou@{label}"));
            assert!(
                (found - expected).abs() < 1e-15,
                "{case} iou@{label} {found} {expected}"
            );
            // In the official code IoU is always defined; ours is, too: its type is no `Option`.
            assert_eq!(integer(format!("{case}/iou@{label}_defined")), 1, "{case}");
            let pair = score_pair(&map, (224, 224), &mask, threshold);
            assert_eq!((pair.epg, pair.iou), (epg, found), "{case}");
        }
    }
}

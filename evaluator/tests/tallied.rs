//! Tests the metrics of all maps together, MaxBoxAcc, MaxBoxAccV2 and PxAP: values recorded from OpenCV and numpy by
//! the formulas of wsolevaluation, and what `evaluator score` and `evaluator compare` make of them.
#![allow(clippy::unwrap_used)]

mod support;

use arrow::array::{Array, Float64Array, Int64Array, StringArray};
use data_prep::dataset::{Split, Task};
use data_prep::geometry::{Grid, GridBox, Mask};
use data_prep::table::column;
use evaluator::evaluate::Scope::{All, Class, Group, Size};
use evaluator::evaluate::{METRICS, PAIRED, REPLICATES, SCORES, resample};
use evaluator::metrics::pair::{Pair, Thresholds};
use evaluator::metrics::tally::{TALLY_METRICS, Tally, TallyMetric};
use support::birds::{bird_sandbox, maps};
use support::{Sandbox, close, columns, formula_rows, metric, rows_by_hand, stream, values};

const GRID: Grid = Grid {
    height: 20,
    width: 25,
};
/// Names of maps.
const MAPS: [&str; 7] = [
    "distinct",
    "tied",
    "mostly zero",
    "constant",
    "point",
    "rings",
    "hill",
];

/// The first and the last threshold of runs of thresholds, of 255.
type Runs = &'static [(usize, usize)];

/// A map's name, that of the boxes, and the thresholds at which the largest region's box has an IoU (intersection over
/// union) of 0.5 with one of them, and those at which any box has 0.3, 0.5 and 0.7. Printed by
/// tests/fixtures/tallied.py, which calls OpenCV.
#[rustfmt::skip]
const HITS: [(&str, &str, [Runs; 4]); 28] = [
    ("distinct", "box", [&[], &[(56, 164)], &[(157, 164)], &[]]),
    ("distinct", "two objects", [&[(0, 148)], &[(0, 193)], &[(0, 150)], &[]]),
    ("distinct", "full", [&[(0, 154)], &[(0, 156)], &[(0, 154)], &[(0, 148)]]),
    ("distinct", "thin", [&[], &[], &[], &[]]),
    ("tied", "box", [&[], &[(127, 211)], &[], &[]]),
    ("tied", "two objects", [&[(0, 169)], &[(0, 169)], &[(0, 169)], &[]]),
    ("tied", "full", [&[(0, 169)], &[(0, 169)], &[(0, 169)], &[(0, 169)]]),
    ("tied", "thin", [&[], &[], &[], &[]]),
    ("mostly zero", "box", [&[], &[], &[], &[]]),
    ("mostly zero", "two objects", [&[], &[(0, 84)], &[(0, 27)], &[]]),
    ("mostly zero", "full", [&[], &[], &[], &[]]),
    ("mostly zero", "thin", [&[], &[], &[], &[]]),
    ("constant", "box", [&[], &[], &[], &[]]),
    ("constant", "two objects", [&[], &[], &[], &[]]),
    ("constant", "full", [&[], &[], &[], &[]]),
    ("constant", "thin", [&[(0, 254)], &[(0, 254)], &[(0, 254)], &[(0, 254)]]),
    ("point", "box", [&[], &[], &[], &[]]),
    ("point", "two objects", [&[], &[], &[], &[]]),
    ("point", "full", [&[], &[], &[], &[]]),
    ("point", "thin", [&[], &[], &[], &[]]),
    ("rings", "box", [&[], &[(4, 207)], &[(17, 152)], &[]]),
    ("rings", "two objects", [&[(0, 84)], &[(0, 220)], &[(0, 164)], &[(102, 118), (123, 152)]]),
    ("rings", "full", [&[(0, 207)], &[(0, 207)], &[(0, 207)], &[(0, 169)]]),
    ("rings", "thin", [&[], &[], &[], &[]]),
    ("hill", "box", [&[(218, 247)], &[(195, 251)], &[(218, 247)], &[]]),
    ("hill", "two objects", [&[(0, 109)], &[(0, 217)], &[(0, 109)], &[]]),
    ("hill", "full", [&[(0, 217)], &[(0, 227)], &[(0, 217)], &[(0, 194)]]),
    ("hill", "thin", [&[], &[], &[], &[]]),
];

/// The boxes' name, MaxBoxAcc and MaxBoxAccV2 of all maps together, PxAP of each map and of all together. Printed by
/// tests/fixtures/tallied.py.
#[rustfmt::skip]
const VALUES: [(&str, [Option<f64>; 10]); 4] = [
    ("box", [Some(0.14285714285714285), Some(0.19047619047619047), Some(0.161052129605795), Some(0.17075673177118877), Some(0.15309577314090286), Some(0.162), Some(0.17234567901234568), Some(0.11445551436738621), Some(0.8467872661667128), Some(0.19011647686523525)]),
    ("two objects", [Some(0.5714285714285714), Some(0.5238095238095238), Some(0.45253436636937655), Some(0.4873208579619113), Some(0.5287773031776938), Some(0.502), Some(0.502), Some(0.47268093261764743), Some(0.5948160139279339), Some(0.49652780097827454)]),
    ("full", [Some(0.5714285714285714), Some(0.5714285714285714), Some(0.9107054535040597), Some(0.9026403566937572), Some(0.9253159929749427), Some(0.912), Some(0.9121929824561403), Some(0.9011751535295789), Some(0.9916704114341115), Some(0.9216279061200001)]),
    ("thin", [Some(0.14285714285714285), Some(0.14285714285714285), None, None, None, None, None, None, None, None]),
];

/// Returns the numbers of a congruential generator, in quarters.
fn drawn(levels: u64, lowest: i64) -> Vec<f32> {
    let mut state = 1_u64;
    let mut draw = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        ((state >> 16) % levels) as i64 + lowest
    };
    (0..GRID.cells()).map(|_| draw() as f32 / 4.0).collect()
}

/// Returns the map of that name.
fn map(name: &str) -> Vec<f32> {
    let from_centre = |cell: usize| {
        let (y, x) = ((cell / GRID.width) as i32, (cell % GRID.width) as i32);
        (x - 9).pow(2) + (y - 8).pow(2)
    };
    let cells = 0..GRID.cells();
    match name {
        "distinct" => drawn(32_768, -16_000),
        "tied" => drawn(7, -3),
        "mostly zero" => drawn(40, -30)
            .into_iter()
            .map(|value| value.max(0.0))
            .collect(),
        "constant" => vec![0.5; GRID.cells()],
        "point" => cells
            .map(|cell| if cell == 6 * GRID.width + 5 { 3.0 } else { 0.0 })
            .collect(),
        "rings" => cells
            .map(|cell| (from_centre(cell) % 61 - 30) as f32)
            .collect(),
        "hill" => cells.map(|cell| (100 - from_centre(cell)) as f32).collect(),
        other => panic!("{other}"),
    }
}

/// Returns the boxes of that name.
fn boxes(name: &str) -> Vec<GridBox> {
    let boxes: &[[i32; 4]] = match name {
        "box" => &[[3, 4, 12, 13]],
        "two objects" => &[[0, 0, 6, 5], [7, 6, 24, 19]],
        "full" => &[[0, 0, 24, 19]],
        "thin" => &[[0, 0, 0, 0]],
        other => panic!("{other}"),
    };
    let boxes = boxes.iter();
    boxes
        .map(|&[x1, y1, x2, y2]| GridBox { x1, y1, x2, y2 })
        .collect()
}

/// Returns the metric of that name.
fn tally_metric(name: &str) -> &'static TallyMetric {
    let mut metrics = TALLY_METRICS.iter();
    metrics.find(|metric| metric.name == name).unwrap()
}

/// Returns what a metric counts of a map.
fn counts(
    metric: &str,
    map: &[f32],
    boxes: Option<&[GridBox]>,
    segmentation: Option<&Mask>,
) -> Option<Vec<u32>> {
    let thresholds = Thresholds {
        fixed: 0.5,
        tuned: None,
    };
    let mask = Mask::from_boxes(boxes.unwrap_or_default(), GRID);
    let mut pair = Pair::new(map, &mask, segmentation, thresholds, (20, 25));
    pair.boxes = boxes;
    (tally_metric(metric).counts)(&pair)
}

#[test]
fn boxes_are_right_where_opencvs_are() {
    for (map_name, box_name, expected) in HITS {
        let (map, boxes) = (map(map_name), boxes(box_name));
        let of = |metric| counts(metric, &map, Some(&boxes), None).unwrap();
        let found = [of("max_box_acc"), of("max_box_acc_v2")].concat();
        let hits: Vec<u32> = expected
            .iter()
            .flat_map(|runs| {
                let is_hit = |t: usize| runs.iter().any(|run| run.0 <= t && t <= run.1);
                (0..255).map(move |t| u32::from(is_hit(t)))
            })
            .collect();
        assert_eq!(found, hits, "{map_name} with {box_name}");
    }
}

#[test]
fn values_are_of_all_maps_together() {
    for (box_name, expected) in VALUES {
        let boxes = boxes(box_name);
        let value = |metric: &str, maps: &[&str]| {
            let mut tally = Tally::default();
            for name in maps {
                if let Some(counts) = counts(metric, &map(name), Some(&boxes), None) {
                    tally.add(&counts);
                }
            }
            (tally_metric(metric).value)(&tally)
        };
        let mut found = vec![value("max_box_acc", &MAPS), value("max_box_acc_v2", &MAPS)];
        found.extend(MAPS.iter().map(|&name| value("px_ap", &[name])));
        found.push(value("px_ap", &MAPS));
        for (found, expected) in found.into_iter().zip(expected) {
            let difference = found.unwrap_or(-1.0) - expected.unwrap_or(-1.0);
            assert!(
                difference.abs() < 1e-12,
                "{box_name}: {found:?} {expected:?}"
            );
        }
    }
    for metric in TALLY_METRICS {
        assert_eq!((metric.value)(&Tally::default()), None, "{}", metric.name);
    }
}

/// A pair without a box has no boxes to find, and one with an empty mask or without a segmentation no cells.
#[test]
fn pairs_that_are_left_out() {
    let map = map("rings");
    let [one, thin] = ["box", "thin"].map(boxes);
    let mask = Mask::from_boxes(&one, GRID);
    for metric in ["max_box_acc", "max_box_acc_v2", "px_ap", "segment_px_ap"] {
        assert_eq!(counts(metric, &map, None, None), None, "{metric}");
    }
    assert!(counts("max_box_acc", &map, Some(&thin), None).is_some());
    assert_eq!(counts("px_ap", &map, Some(&thin), None), None);
    let empty = Mask::empty(GRID);
    assert_eq!(
        counts("segment_px_ap", &map, Some(&one), Some(&empty)),
        None
    );
    let of_boxes = counts("px_ap", &map, Some(&one), None);
    let of_segmentation = counts("segment_px_ap", &map, Some(&thin), Some(&mask));
    assert!(of_boxes.is_some());
    assert_eq!(of_segmentation, of_boxes);
}

#[test]
fn scored_by_part_of_the_split() {
    let sandbox = Sandbox::new();
    let maps = stream(&rows_by_hand(), &columns());
    let args = ["--maps", "-", "--metric", "all", "--replicates", "20"];
    let summary = sandbox.scored("out", &args, &maps);
    let metrics = sandbox.table("out", &METRICS);
    // All maps but that of b/1 are flat, so that their box is of the first cell, and has an IoU of 1/25 at most. That
    // of b/1 has the corners 0, 0 and 4, 4, and its class a box with 1, 0 and 4, 4: IoU 20/25.
    for name in ["max_box_acc", "max_box_acc_v2"] {
        close(metric(&metrics, name, All), 0.2, 5, name);
        close(metric(&metrics, name, Group(0)), 0.0, 3, name);
        close(metric(&metrics, name, Group(1)), 0.5, 2, name);
        close(metric(&metrics, name, Class(0)), 0.0, 2, name);
        close(metric(&metrics, name, Class(1)), 0.5, 2, name);
        assert!(summary.contains(&format!("\n{name} ")), "{summary}");
    }
    // c/2 has an empty mask, so that its size has box metrics alone.
    close(
        metric(&metrics, "max_box_acc", Size(0)),
        0.0,
        1,
        "max_box_acc",
    );
    assert_eq!(metric(&metrics, "px_ap", Size(0)), None);
    // The 16 cells of b/1's mask come first, then its others and those of the flat maps: 16 + 15 + 49 of 240 are inside.
    let expected = 16.0 / 96.0 + 80.0 / 96.0 * (96.0 / 256.0);
    close(metric(&metrics, "px_ap", All), expected, 4, "px_ap");
    close(
        metric(&metrics, "segment_px_ap", All),
        0.5,
        1,
        "segment_px_ap",
    );
    assert_eq!(metric(&metrics, "segment_px_ap", Group(0)), None);

    // Images are drawn a, b, c, d, e; a has two pairs, e none. The rows of a replicate are of all images and two groups.
    let replicates = sandbox.table("out", &REPLICATES);
    for name in ["max_box_acc", "max_box_acc_v2"] {
        let found = values(&replicates, name);
        assert_eq!(found.len(), 3 * 20);
        for (replicate, found) in found.into_iter().step_by(3).enumerate() {
            let [a, b, c, d] = resample(0, replicate as u64, 5)[..4] else {
                panic!("five images")
            };
            let pairs = 2 * a + b + c + d;
            let expected = (pairs > 0).then(|| f64::from(b) / f64::from(pairs));
            let difference = found.unwrap_or(-1.0) - expected.unwrap_or(-1.0);
            assert!(difference.abs() < 1e-15, "{name} {replicate}: {found:?}");
        }
    }
    assert!(values(&replicates, "px_ap").is_empty());
    let scores = sandbox.table("out", &SCORES);
    assert!(values(&scores, "max_box_acc").is_empty());
}

#[test]
fn compared_by_resamples_without_a_test() {
    let sandbox = Sandbox::new();
    for (out, rows) in [("a", formula_rows()), ("b", rows_by_hand())] {
        let args = [
            "--maps",
            "-",
            "--metric",
            "max_box_acc,px_ap",
            "--replicates",
            "20",
        ];
        sandbox.scored(out, &args, &stream(&rows, &columns()));
    }
    let compare = [
        "compare",
        "--a",
        "a",
        "--b",
        "b",
        "--out",
        "paired",
        "--permutations",
        "9",
    ];
    let output = sandbox.run(&compare, &[]);
    assert!(output.status.success(), "{output:?}");
    let paired = sandbox.table("paired", &PAIRED);
    let names: &StringArray = column(&paired, "metric");
    assert!(!names.iter().flatten().any(|name| name == "px_ap"));
    let row = names
        .iter()
        .position(|name| name == Some("max_box_acc"))
        .unwrap();
    let number = |name: &str| column::<Float64Array>(&paired, name).value(row);
    let stored = |out: &str| metric(&sandbox.table(out, &METRICS), "max_box_acc", All).unwrap();
    assert_eq!(number("value_a"), stored("a").0.unwrap());
    assert_eq!(number("value_b"), 0.2);
    assert!(number("ci_low") <= number("ci_high"));
    assert!(column::<StringArray>(&paired, "test").is_null(row));
    assert_eq!(column::<Int64Array>(&paired, "n").value(row), 4);
}

/// In the reversed task a class is everything outside its boxes, which no box is.
#[test]
fn backgrounds_have_no_boxes() {
    let sandbox = bird_sandbox("0123");
    for (task, has_boxes) in [(Task::Conventional, true), (Task::Reversed, false)] {
        let task_name = task.to_string();
        let args = [
            "--maps",
            "-",
            "--metric",
            "all",
            "--replicates",
            "2",
            "--task",
            &task_name,
        ];
        sandbox.scored("out", &args, &maps(0, Split::Test, task));
        let metrics = sandbox.table("out", &METRICS);
        for name in ["max_box_acc", "max_box_acc_v2"] {
            assert_eq!(metric(&metrics, name, All).is_some(), has_boxes, "{name}");
        }
        assert!(metric(&metrics, "px_ap", All).is_some());
    }
}

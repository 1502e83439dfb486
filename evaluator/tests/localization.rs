//! Tests the metrics of localization and of maps alone that other packages have: values recorded from Quantus
//! and scikit-learn, and what holds for every map.
#![allow(clippy::unwrap_used)]

use data_prep::geometry::{Grid, GridBox, Mask};
use evaluator::metrics::pair::{Measured, PAIR_METRICS, Pair, Thresholds};

const GRID: Grid = Grid {
    height: 20,
    width: 25,
};
/// The metrics, in the order of [`RECORDED`].
const METRICS: [&str; 9] = [
    "relevance_mass",
    "relevance_mass_absolute",
    "pointing_game_quantus",
    "relevance_rank",
    "top_k_intersection",
    "auc",
    "average_precision",
    "gini",
    "entropy",
];

/// A map's name, a mask's and the value of each of [`METRICS`].
type Recorded = (&'static str, &'static str, [Option<f64>; 9]);

/// Printed by tests/fixtures/localization.py, which calls Quantus and scikit-learn.
#[rustfmt::skip]
const RECORDED: [Recorded; 28] = [
    ("distinct", "box", [Some(2.8356413166855923), Some(0.16118338281603692), Some(0.0), Some(0.14814814814814814), Some(0.1), Some(0.48896549692094643), Some(0.16086134136824537), Some(0.33662025747680735), Some(6.018816399481622)]),
    ("distinct", "two objects", [Some(13.075822928490389), Some(0.23445997153598147), Some(0.0), Some(0.2072072072072072), Some(0.0), Some(0.4577109242919012), Some(0.20738239696182942), Some(0.33662025747680735), Some(6.018816399481622)]),
    ("distinct", "full", [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), Some(0.33662025747680735), Some(6.018816399481622)]),
    ("distinct", "empty", [None, None, None, None, None, None, None, Some(0.33662025747680735), Some(6.018816399481622)]),
    ("tied", "box", [Some(-1.8000000000000012), Some(0.16237402015677493), Some(1.0), Some(0.18518518518518515), Some(0.18518518518518517), Some(0.5204779162615281), Some(0.1707567317711888), Some(0.3192676371780514), Some(5.988488747648222)]),
    ("tied", "two objects", [Some(-1.2000000000000002), Some(0.2127659574468085), Some(1.0), Some(0.21674615792262847), Some(0.2098765432098766), Some(0.5111744134880382), Some(0.22406671666132708), Some(0.3192676371780514), Some(5.988488747648222)]),
    ("tied", "full", [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), Some(0.3192676371780514), Some(5.988488747648222)]),
    ("tied", "empty", [None, None, None, None, None, None, None, Some(0.3192676371780514), Some(5.988488747648222)]),
    ("mostly zero", "box", [Some(0.11132437619961613), Some(0.11132437619961613), Some(1.0), Some(0.11522633744855966), Some(0.08333333333333333), Some(0.46991661510356814), Some(0.15309577314090286), Some(0.8481190019193854), Some(4.5383703557549975)]),
    ("mostly zero", "two objects", [Some(0.26103646833013433), Some(0.26103646833013433), Some(1.0), Some(0.2650399760374185), Some(0.08333333333333333), Some(0.5272354616827624), Some(0.23075932957619433), Some(0.8481190019193854), Some(4.5383703557549975)]),
    ("mostly zero", "full", [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), Some(0.8481190019193854), Some(4.5383703557549975)]),
    ("mostly zero", "empty", [None, None, None, None, None, None, None, Some(0.8481190019193854), Some(4.5383703557549975)]),
    ("negative", "box", [Some(0.1639614582960343), Some(0.1639614582960343), Some(0.0), Some(0.14814814814814814), Some(0.1), Some(0.48896549692094643), Some(0.16086134136824537), Some(0.22243383149537715), Some(6.1357374256242085)]),
    ("negative", "two objects", [Some(0.2314299251965848), Some(0.2314299251965848), Some(0.0), Some(0.2072072072072072), Some(0.0), Some(0.4577109242919012), Some(0.20738239696182942), Some(0.22243383149537715), Some(6.1357374256242085)]),
    ("negative", "full", [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), Some(0.22243383149537715), Some(6.1357374256242085)]),
    ("negative", "empty", [None, None, None, None, None, None, None, Some(0.22243383149537715), Some(6.1357374256242085)]),
    ("constant", "box", [Some(0.162), Some(0.162), Some(1.0), Some(0.162), Some(0.162), Some(0.5), Some(0.162), Some(-3.1249999999999996e-17), Some(6.214608097922192)]),
    ("constant", "two objects", [Some(0.222), Some(0.222), Some(1.0), Some(0.222), Some(0.222), Some(0.5), Some(0.222), Some(-3.1249999999999996e-17), Some(6.214608097922192)]),
    ("constant", "full", [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), Some(-3.1249999999999996e-17), Some(6.214608097922192)]),
    ("constant", "empty", [None, None, None, None, None, None, None, Some(-3.1249999999999996e-17), Some(6.214608097922192)]),
    ("point", "box", [Some(1.0), Some(1.0), Some(1.0), Some(0.17068705311858284), Some(0.24428857715430863), Some(0.5061728395061729), Some(0.17234567901234568), Some(0.9979999999999835), Some(-1.000088900581841e-12)]),
    ("point", "two objects", [Some(0.0), Some(0.0), Some(0.0), Some(0.22044088176352708), Some(0.20020040080160323), Some(0.4987146529562982), Some(0.222), Some(0.9979999999999835), Some(-1.000088900581841e-12)]),
    ("point", "full", [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), Some(0.9979999999999835), Some(-1.000088900581841e-12)]),
    ("point", "empty", [None, None, None, None, None, None, None, Some(0.9979999999999835), Some(-1.000088900581841e-12)]),
    ("zero", "box", [None, None, Some(1.0), Some(0.162), Some(0.162), Some(0.5), Some(0.162), None, None]),
    ("zero", "two objects", [None, None, Some(1.0), Some(0.222), Some(0.222), Some(0.5), Some(0.222), None, None]),
    ("zero", "full", [None, None, Some(1.0), Some(1.0), Some(1.0), None, Some(1.0), None, None]),
    ("zero", "empty", [None, None, None, None, None, None, None, None, None]),
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

/// Returns the map of that name in [`RECORDED`].
fn map(name: &str) -> Vec<f32> {
    match name {
        "distinct" => drawn(32_768, -16_000),
        "tied" => drawn(7, -3),
        "mostly zero" => drawn(40, -30)
            .into_iter()
            .map(|value| value.max(0.0))
            .collect(),
        "negative" => drawn(32_768, -40_000),
        "constant" => vec![0.5; GRID.cells()],
        "point" => {
            let mut map = vec![0.0; GRID.cells()];
            map[6 * GRID.width + 5] = 3.0;
            map
        }
        "zero" => vec![0.0; GRID.cells()],
        other => panic!("{other}"),
    }
}

/// Returns the mask of that name in [`RECORDED`].
fn mask(name: &str) -> Mask {
    let boxes: &[[i32; 4]] = match name {
        "box" => &[[3, 4, 12, 13]],
        "two objects" => &[[0, 0, 6, 5], [15, 10, 24, 19]],
        "full" => &[[0, 0, 25, 20]],
        "empty" => &[],
        other => panic!("{other}"),
    };
    let boxes: Vec<GridBox> = boxes
        .iter()
        .map(|&[x1, y1, x2, y2]| GridBox { x1, y1, x2, y2 })
        .collect();
    Mask::from_boxes(&boxes, GRID)
}

/// Measures one metric.
fn measured(metric: &str, map: &[f32], mask: &Mask, segmentation: Option<&Mask>) -> Measured {
    let thresholds = Thresholds {
        fixed: 0.5,
        tuned: None,
    };
    let pair = Pair::new(map, mask, segmentation, thresholds, (20, 25));
    let mut metrics = PAIR_METRICS.iter();
    let metric = metrics.find(|known| known.name == metric).unwrap();
    metric.measure(&pair)
}

/// Returns the value of one metric; `None` where undefined.
fn value(metric: &str, map: &[f32], mask: &Mask) -> Option<f64> {
    match measured(metric, map, mask, None) {
        Measured::Value(value) => Some(value),
        Measured::Undefined => None,
        Measured::Absent => panic!("{metric}"),
    }
}

/// Whether both are undefined or nearly equal.
fn is_near(found: Option<f64>, expected: Option<f64>, tolerance: f64) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            (found - expected).abs() <= tolerance * expected.abs().max(1.0)
        }
        _ => found == expected,
    }
}

#[test]
fn as_quantus_and_scikit_learn() {
    for (map_name, mask_name, expected) in RECORDED {
        let (map, mask) = (map(map_name), mask(mask_name));
        for (metric, expected) in METRICS.into_iter().zip(expected) {
            let found = value(metric, &map, &mask);
            // The constant 1e-12, with which Quantus keeps a logarithm finite, leads to errors of this size.
            let tolerance = if metric == "entropy" { 1e-9 } else { 1e-12 };
            assert!(
                is_near(found, expected, tolerance),
                "{metric} of {map_name} in {mask_name}: {found:?} {expected:?}"
            );
        }
    }
}

#[test]
fn by_hand() {
    let grid = Grid {
        height: 1,
        width: 4,
    };
    let mask = Mask::from_cells(vec![true, false, true, false], grid);
    for (metric, map, expected) in [
        // Inside 3 − 1, of 3 − 1 + 2 − 0.
        ("relevance_mass", [3.0, 2.0, -1.0, 0.0], Some(0.5)),
        ("relevance_mass", [3.0, -4.0, -1.0, 0.0], Some(-1.0)),
        ("relevance_mass", [3.0, -2.0, -1.0, 0.0], None),
        (
            "relevance_mass_absolute",
            [3.0, -2.0, -1.0, 0.0],
            Some(4.0 / 6.0),
        ),
        ("pointing_game_quantus", [3.0, 3.0, 0.0, 0.0], Some(1.0)),
        ("pointing_game_quantus", [2.0, 3.0, 0.0, 0.0], Some(0.0)),
        ("pointing_game_quantus", [-5.0, -5.0, -1.0, -2.0], Some(1.0)),
        ("relevance_rank", [3.0, 2.0, 1.0, 0.0], Some(0.5)),
        // The second place is shared by two cells, one of them inside.
        ("relevance_rank", [3.0, 1.0, 1.0, 0.0], Some(0.75)),
        ("relevance_rank", [-0.0, 0.0, 0.0, -0.0], Some(0.5)),
        ("top_k_intersection", [3.0, 2.0, 1.0, 0.0], Some(1.0)),
        ("auc", [3.0, 2.0, 1.0, 0.0], Some(0.75)),
        ("auc", [3.0, 1.0, 1.0, 0.0], Some(0.875)),
        ("auc", [-0.0, 0.0, 0.0, -0.0], Some(0.5)),
        (
            "average_precision",
            [3.0, 2.0, 1.0, 0.0],
            Some((1.0 + 2.0 / 3.0) / 2.0),
        ),
        // (−3 · 0 − 1 · 1 + 1 · 2 + 3 · 3) / (4 · 6)
        ("gini", [3.0, -2.0, 1.0, 0.0], Some(10.0 / 24.0)),
        ("gini", [0.0, -2.0, 0.0, 0.0], Some(0.75)),
        ("entropy", [0.0, -2.0, 0.0, 0.0], Some(0.0)),
        (
            "entropy",
            [1.0, -1.0, 1.0, 1.0],
            Some(2.0 * std::f64::consts::LN_2),
        ),
    ] {
        let found = value(metric, &map, &mask);
        assert!(
            is_near(found, expected, 1e-15),
            "{metric} of {map:?}: {found:?} {expected:?}"
        );
    }
}

/// Of 224 × 224 cells the first thousand count, as in Quantus.
#[test]
fn k_is_quantus_at_224_cells_a_side() {
    let grid = Grid::square(224);
    let map: Vec<f32> = (0..grid.cells()).map(|cell| -(cell as f32)).collect();
    for (inside, expected) in [(999, 0.999), (1000, 1.0), (1001, 1.0)] {
        let cells = (0..grid.cells()).map(|cell| cell < inside).collect();
        let mask = Mask::from_cells(cells, grid);
        assert_eq!(value("top_k_intersection", &map, &mask), Some(expected));
    }
}

/// A segmentation counts instead of the boxes, and a pair without one does not have the metric.
#[test]
fn relevance_mass_of_a_segmentation() {
    let map = map("distinct");
    let [boxes, segmentation, empty] = ["two objects", "box", "empty"].map(mask);
    let of = |segmentation| measured("segment_relevance_mass", &map, &boxes, segmentation);
    let expected = measured("relevance_mass", &map, &segmentation, None);
    assert_eq!(of(Some(&segmentation)), expected);
    assert_eq!(of(Some(&empty)), Measured::Undefined);
    assert_eq!(of(None), Measured::Absent);
}

//! Tests pairs (image and class) for which a metric is not defined: with an empty mask, without positive
//! attribution, or with a map of tiny values. They must count as documented, be counted in the metrics
//! `empty_mask`, `no_positive` and `under_constant`, and cause a warning.
#![allow(clippy::unwrap_used)]

mod support;

use evaluator::evaluate::Scope::{All, Group};
use evaluator::evaluate::{METRICS, SCORES};
use evaluator::maps::MapRow;
use support::{PAIRS, Sandbox, columns, formula_rows, metric, row, rows_by_hand, stream, values};

/// Arguments of `evaluator score` without replicates and examples.
const QUIET: [&str; 6] = ["--maps", "-", "--replicates", "0", "--examples", "0"];

/// Returns the maps times 2 to the `exponent`, which is exact but for denormal numbers.
fn scaled(rows: &[MapRow], exponent: i32) -> Vec<MapRow> {
    let factor = 2_f64.powi(exponent);
    let scale = |value: &f32| (f64::from(*value) * factor) as f32;
    rows.iter()
        .map(|row| MapRow {
            map: row.map.iter().map(scale).collect(),
            ..row.clone()
        })
        .collect()
}

/// `epg`, as the paper defines it, is 0 for a map whose positive attribution sums to less than 1e-7; the other
/// metrics tested here do not depend on a map's scale.
#[test]
fn a_maps_scale_matters_in_the_papers_epg_alone() {
    let sandbox = Sandbox::new();
    let values = |exponent: i32| {
        let rows = stream(&scaled(&formula_rows(), exponent), &columns());
        let said = sandbox.said("out", &QUIET, &rows);
        let metrics = sandbox.table("out", &METRICS);
        let of = |name| metric(&metrics, name, All).unwrap();
        let scale_free = ["epg_defined", "segment_epg", "on_object", "iou"].map(of);
        let constant = ["epg", "under_constant", "no_positive"].map(of);
        let scores = sandbox.table("out", &SCORES);
        let epg = values(&scores, "epg_defined");
        (scale_free, constant, epg, said)
    };
    let (expected, [epg, under, none], column, said) = values(0);
    assert!(
        expected.iter().all(|found| found.0 > Some(0.0)),
        "{expected:?}"
    );
    assert_eq!((under.0, none.0), (Some(0.0), Some(0.0)));
    assert!(!said.contains("1e-7"), "{said}");
    // The maps times about 1e-10, 1e-30, 1e-39 (denormal values), and 1e30.
    for exponent in [-33, -100, -130, 100] {
        let (found, [found_epg, under, none], found_column, said) = values(exponent);
        assert_eq!(found, expected, "2^{exponent}");
        assert_eq!(&found_column, &column, "2^{exponent}");
        assert_eq!(none.0, Some(0.0));
        if exponent > 0 {
            assert_eq!((found_epg, under.0), (epg, Some(0.0)));
        } else {
            assert_eq!((found_epg.0, under.0), (Some(0.0), Some(5.0)));
            let line = "warning: 5 of 5 pairs have positive attribution of less than 1e-7 in all: epg counts them as 0, as the paper's code does (SPEC B); epg_defined counts them by their share\n";
            assert!(said.contains(line), "{said}");
        }
    }
}

/// Pairs with an empty mask or without positive attribution are counted in metrics and reported in warnings.
#[test]
fn what_counts_as_zero_is_counted_and_said() {
    let sandbox = Sandbox::new();
    let maps = stream(&rows_by_hand(), &columns());
    let output = sandbox.score("out", &QUIET, &maps);
    let [summary, said] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    for line in [
        "warning: 1 of 5 pairs have an empty mask, as of boxes within one row or one column of the grid (SPEC A.5): their EPG and IoU are 0\n",
        "warning: 1 of 5 pairs have no positive attribution: epg counts them as 0, epg_defined leaves them out\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let metrics = sandbox.table("out", &METRICS);
    for (name, scope, count, n) in [
        ("empty_mask", All, 1.0, 5),
        ("no_positive", All, 1.0, 5),
        ("under_constant", All, 0.0, 5),
        ("empty_mask", Group(0), 1.0, 3),
        ("empty_mask", Group(1), 0.0, 2),
        ("no_positive", Group(0), 1.0, 3),
        ("under_constant", Group(1), 0.0, 2),
    ] {
        let found = metric(&metrics, name, scope);
        assert_eq!(found, Some((Some(count), n, None)), "{name} {scope:?}");
    }
    let line = |name: &str| summary.lines().find(|line| line.starts_with(name)).unwrap();
    let words = |name| line(name).split_whitespace().collect::<Vec<_>>();
    assert_eq!(words("empty_mask"), ["empty_mask", "1", "1", "0"]);

    // The pair with a segmentation (d/0) gets a negative map.
    let mut rows = rows_by_hand();
    rows[4].map = vec![-0.5];
    let said = sandbox.said("out", &QUIET, &stream(&rows, &columns()));
    let line = "warning: 1 of 5 pairs have a segmentation and no positive attribution in their mask: on_object counts them as 0\n";
    assert!(said.contains(line), "{said}");

    // Without such pairs there is no such warning.
    let ones: Vec<MapRow> = PAIRS.map(|pair| row(pair, 1, 1, vec![1.0])).into();
    let said = sandbox.said("out", &QUIET, &stream(&ones, &columns()));
    assert!(
        !said.contains("no positive") && said.contains("an empty mask"),
        "{said}"
    );
}

/// IoU scales a map by its minimum and maximum only where these differ by 1e-7 at least. A map that varies by
/// less is treated otherwise, which must be reported in a warning.
#[test]
fn what_ious_constant_decides_is_said() {
    let sandbox = Sandbox::new();
    let map = (0..64).map(|i| (64 + i) as f32 * 1e-10).collect();
    let mut rows = rows_by_hand();
    rows[0] = row(PAIRS[0], 8, 8, map);
    let said = sandbox.said("out", &QUIET, &stream(&rows, &columns()));
    let line = "warning: 1 of 5 pairs have a map whose positive part varies by less than 1e-7: IoU divides it by its maximum and does not subtract its minimum";
    assert!(said.contains(line), "{said}");
}

#[test]
fn maps_finer_than_the_grid_are_averaged() {
    let sandbox = Sandbox::new();
    // Maps of 40×40 cells on a grid of 8×8: one cell is positive, at a place that bilinear interpolation
    // with two taps per cell of the grid would miss.
    let fine = |pair| {
        let mut map = vec![0.0; 1600];
        map[40 + 4] = 50.0;
        row(pair, 40, 40, map)
    };
    let rows: Vec<MapRow> = PAIRS.map(fine).into();
    sandbox.scored("out", &QUIET, &stream(&rows, &columns()));
    let scores = sandbox.table("out", &SCORES);
    // Averaged over 5×5 cells, 50 becomes 2 in the first cell of the grid.
    assert_eq!(values(&scores, "energy_total"), [Some(2.0); 5]);
    let metrics = sandbox.table("out", &METRICS);
    assert_eq!(metric(&metrics, "no_positive", All).unwrap().0, Some(0.0));
}

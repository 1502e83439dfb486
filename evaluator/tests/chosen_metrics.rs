//! Tests `evaluator score --metric`, which adds metrics of maps to those that every evaluation has.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use arrow::array::{RecordBatch, StringArray};
use data_prep::schema::file_name;
use data_prep::table::{INPUTS_KEY, TableSpec, column, read_table};
use evaluator::evaluate::{EXAMPLES, GALLERY, IOU, METRICS, REPLICATES, SCORES};
use evaluator::metrics::pair::{Mean, Over, PAIR_METRICS, PairMetric, Threshold};
use evaluator::metrics::tally::TALLY_METRICS;
use serde_json::Value;
use support::{Sandbox, columns, rows_by_hand, stream, values};

/// The other metrics of `metrics.parquet` without predictions.
const OF_ALL: [&str; 5] = [
    "iou_sweep",
    "empty_mask",
    "no_positive",
    "under_constant",
    "worst_group_epg",
];
/// Metrics that must be asked for.
const ASKED: [&str; 14] = [
    "pointing_game_quantus",
    "relevance_mass",
    "relevance_mass_absolute",
    "segment_relevance_mass",
    "relevance_rank",
    "top_k_intersection",
    "auc",
    "average_precision",
    "gini",
    "entropy",
    "max_box_acc",
    "max_box_acc_v2",
    "px_ap",
    "segment_px_ap",
];

/// Returns all metrics that must be asked for, in the order of the tables.
fn asked() -> Vec<&'static str> {
    let of_pairs = PAIR_METRICS.iter().filter(|metric| !metric.standard);
    let of_pairs = of_pairs.map(|metric| metric.name);
    of_pairs
        .chain(TALLY_METRICS.iter().map(|metric| metric.name))
        .collect()
}

/// Returns the standard metrics that pairs (an image and a class on it) of the tiny data folder have. No threshold is
/// chosen on validation, and all classes can say something about guidance.
fn standard() -> impl Iterator<Item = &'static PairMetric> {
    PAIR_METRICS.iter().filter(|metric| {
        let is_of_some = matches!(
            metric.over,
            Over::InformativePairs | Over::InformativeSegmentedPairs
        );
        metric.standard && metric.threshold != Threshold::Tuned && !is_of_some
    })
}

/// Scores the maps whose metrics are known by hand, and returns the summary.
fn scored(sandbox: &Sandbox, out: &str, args: &[&str]) -> String {
    let maps = stream(&rows_by_hand(), &columns());
    let all = [&["--maps", "-", "--replicates", "3"], args].concat();
    sandbox.scored(out, &all, &maps)
}

/// Returns the metrics of a table.
fn names(table: &RecordBatch) -> BTreeSet<&str> {
    column::<StringArray>(table, "metric")
        .iter()
        .flatten()
        .collect()
}

/// Returns the standard metrics of `scores.parquet`, and those in `added`.
fn of_scores(added: &[&'static str]) -> BTreeSet<&'static str> {
    let names = standard().map(|metric| metric.name);
    names.chain(added.iter().copied()).collect()
}

/// Returns the standard metrics of `metrics.parquet`, and those in `added`.
fn of_metrics(added: &[&'static str]) -> BTreeSet<&'static str> {
    let means = standard().filter(|metric| metric.mean != Mean::NotTaken);
    let names = means.map(|metric| metric.name).chain(OF_ALL);
    names.chain(added.iter().copied()).collect()
}

/// Returns a value of a table's metadata.
fn said(sandbox: &Sandbox, out: &str, spec: &TableSpec, key: &str) -> String {
    let path = sandbox.path(out).join(file_name(spec));
    let (origin, _) = read_table(path, spec).unwrap();
    origin.get(key).unwrap().to_owned()
}

#[test]
fn without_the_option_there_are_the_standard_metrics() {
    let sandbox = Sandbox::new();
    let summary = scored(&sandbox, "out", &[]);
    assert_eq!(names(&sandbox.table("out", &SCORES)), of_scores(&[]));
    assert_eq!(names(&sandbox.table("out", &METRICS)), of_metrics(&[]));
    assert!(ASKED.iter().all(|name| asked().contains(name)));
    for name in asked() {
        assert!(!names(&sandbox.table("out", &REPLICATES)).contains(name));
        assert!(!summary.contains(name), "{summary}");
        for spec in [&SCORES, &METRICS] {
            for key in ["guidance.titles", "guidance.shares"] {
                let said = said(&sandbox, "out", spec, key);
                assert!(!said.contains(&format!("\"{name}\"")), "{said}");
            }
        }
    }
    // A metric that is there in any case changes nothing.
    assert_eq!(scored(&sandbox, "epg", &["--metric", "epg"]), summary);
    for spec in [&SCORES, &IOU, &METRICS, &REPLICATES, &EXAMPLES, &GALLERY] {
        assert_eq!(sandbox.table("epg", spec), sandbox.table("out", spec));
        for key in [INPUTS_KEY, "guidance.titles", "guidance.shares"] {
            let [one, other] = ["epg", "out"].map(|out| said(&sandbox, out, spec, key));
            assert_eq!(one, other, "{key}");
        }
    }
}

#[test]
fn metrics_that_are_asked_for_are_added() {
    let sandbox = Sandbox::new();
    scored(&sandbox, "standard", &[]);
    let summary = scored(&sandbox, "out", &["--metric", "gini,auc"]);
    let scores = sandbox.table("out", &SCORES);
    assert_eq!(names(&scores), of_scores(&["auc", "gini"]));
    // In the order of the tables d/0 (image d, class 0), a/0, a/1, b/1, c/2: uniform maps but for b/1, which is
    // positive in its mask alone, and c/2 has no mask.
    let expected = [Some(0.5), Some(0.5), Some(0.5), Some(1.0), None];
    assert_eq!(values(&scores, "auc"), expected);
    let metrics = sandbox.table("out", &METRICS);
    assert_eq!(names(&metrics), of_metrics(&["auc", "gini"]));
    assert!(summary.contains("\nauc "), "{summary}");
    // 3 replicates for all images and for each of two groups.
    let replicates = sandbox.table("out", &REPLICATES);
    assert_eq!(values(&replicates, "auc").len(), 3 * 3);
    let titles = said(&sandbox, "out", &METRICS, "guidance.titles");
    let titles: Value = serde_json::from_str(&titles).unwrap();
    assert_eq!(titles["auc"], "AUC of cells");
    assert_eq!(titles.get("entropy"), None);
    // What is there without them is as it was.
    for spec in [&SCORES, &METRICS, &REPLICATES] {
        let [before, now] = ["standard", "out"].map(|out| sandbox.table(out, spec));
        for name in names(&before) {
            assert_eq!(values(&now, name), values(&before, name), "{name}");
        }
    }
    let inputs = ["standard", "out"].map(|out| said(&sandbox, out, &METRICS, INPUTS_KEY));
    assert_ne!(inputs[0], inputs[1]);
    // The order in which they are asked for is no matter.
    scored(&sandbox, "again", &["--metric", "auc", "--metric", "gini"]);
    for spec in [&SCORES, &METRICS, &REPLICATES] {
        assert_eq!(sandbox.table("again", spec), sandbox.table("out", spec));
    }
}

#[test]
fn all_adds_every_metric() {
    let sandbox = Sandbox::new();
    scored(&sandbox, "out", &["--metric", "all"]);
    // Metrics of all maps together have no value of a pair.
    let all = asked();
    let of_pairs = &all[..all.len() - TALLY_METRICS.len()];
    assert_eq!(names(&sandbox.table("out", &SCORES)), of_scores(of_pairs));
    assert_eq!(names(&sandbox.table("out", &METRICS)), of_metrics(&asked()));
}

#[test]
fn an_unknown_metric_is_refused() {
    let sandbox = Sandbox::new();
    let maps = stream(&rows_by_hand(), &columns());
    for (given, found) in [("auc,roc", "roc"), ("f1", "f1"), ("AUC", "AUC")] {
        let errors = sandbox.refused(&["--maps", "-", "--metric", given], &maps);
        let expected = format!(
            "error: invalid value '{found}' for '--metric <NAME>': expected all or one of {}\n",
            asked().join(", ")
        );
        assert!(errors.starts_with(&expected), "{errors}");
    }
}

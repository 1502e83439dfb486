//! Tests the exhibit `robustness`: accuracy of groups of images as work on group robustness reports it.

#![allow(clippy::unwrap_used)]

mod common;

use common::program::{numbers, report, table, texts};
use common::{Part, Run, Score, Value, reaches, results};

/// The values of an evaluation with these accuracies of two groups, and the mean weighted as in training.
fn accuracies(groups: [f64; 2], adjusted: Option<f64>) -> Vec<Value> {
    let mut values = reaches(0.80, 0.40);
    let overall = (groups[0] + groups[1]) / 2.0;
    values.extend([
        (Part::All, "accuracy", overall),
        (Part::All, "worst_group", groups[0].min(groups[1])),
        (Part::Group(0), "accuracy", groups[0]),
        (Part::Group(1), "accuracy", groups[1]),
    ]);
    values.extend(adjusted.map(|value| (Part::All, "adjusted_accuracy", value)));
    values
}

fn seed(seed: i64, test: [f64; 2], adjusted: Option<f64>, val: [f64; 2]) -> Run {
    let mut run = Run {
        id: format!("base{seed}"),
        seed,
        ..Run::default()
    }
    .scored(accuracies(test, adjusted));
    run.scores.push(Score {
        split: "val",
        epoch: 1,
        layer: "input",
        values: accuracies(val, adjusted),
    });
    run
}

#[test]
fn the_worst_group_is_that_of_validation() {
    // Group 1 is the worst on validation of both seeds; of the second seed group 0 is it on test.
    let dir = results(&[
        seed(0, [0.90, 0.70], Some(0.85), [0.91, 0.72]),
        seed(1, [0.74, 0.78], Some(0.75), [0.90, 0.70]),
    ]);
    let (out, _) = report(dir.path());
    let found = table(&out, "tables/robustness");
    assert_eq!(texts(&found, "model"), ["Baseline"]);
    for (column, expected) in [
        ("worst_validated", (0.70 + 0.78) / 2.0),
        ("adjusted", (0.85 + 0.75) / 2.0),
        ("worst", (0.70 + 0.74) / 2.0),
        ("accuracy", (0.80 + 0.76) / 2.0),
    ] {
        let value = numbers(&found, column)[0].unwrap();
        assert!((value - expected).abs() < 1e-9, "{column}: {value}");
    }
}

#[test]
fn without_every_group_in_training_it_is_not_defined() {
    let dir = results(&[seed(0, [0.90, 0.70], None, [0.91, 0.72])]);
    let (out, _) = report(dir.path());
    let found = table(&out, "tables/robustness");
    for column in ["worst_validated", "adjusted"] {
        assert_eq!(numbers(&found, column), [None], "{column}");
    }
    let text = fs_err::read_to_string(out.path().join("tables/robustness.md")).unwrap();
    assert_eq!(text.matches("| not defined here ").count(), 2, "{text}");
}

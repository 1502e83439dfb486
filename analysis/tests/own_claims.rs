//! Tests the paper's claims on a user's own data: they are asked of it where the exhibit `verdicts` is asked for by
//! name, say of which data they speak, and are made of the classes that can say something about guidance. The results
//! are invented (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use analysis::statistics::rules::Verdict;
use common::claims::judged_in;
use common::program::analysis;
use common::{Part, Run, Score, Value, over_seeds, reaches, results, write};
use polars::prelude::*;
use tempfile::TempDir;

/// Runs of three seeds on own data: a baseline, and Energy and L1 with these values of test EPG.
fn runs(energy: f64, l1: f64) -> Vec<Run> {
    let guided = |loss: &'static str, epg| Run::guided(loss, loss).scored(reaches(0.80, epg));
    let mut runs = [
        Run::default().scored(reaches(0.80, 0.40)),
        guided("energy", energy),
        guided("l1", l1),
    ];
    for run in &mut runs {
        run.dataset = "cells";
    }
    over_seeds(&runs, 3)
}

/// What `analysis report` prints of these results with the exhibits `shows`, and the folder that it writes.
fn reported(results: &TempDir, shows: &[&str]) -> (String, TempDir) {
    let out = TempDir::new().unwrap();
    let folder = out.path().to_string_lossy().into_owned();
    let mut arguments = vec!["--out", folder.as_str()];
    arguments.extend(shows.iter().flat_map(|name| ["--show", name]));
    let output = analysis("report", results.path(), &arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), out)
}

#[test]
fn claims_are_asked_of_own_data_by_name_alone() {
    let results = results(&runs(0.60, 0.50));
    let table = "tables/verdicts.md";
    let (said, out) = reported(&results, &[]);
    assert!(!said.contains("claims"), "{said}");
    assert!(!out.path().join(table).exists());

    let (said, out) = reported(&results, &["verdicts"]);
    let line = "\nR1   holds                  Energy has the best trade-off of EPG and F1, on cells: \
                1 for, 0 against, 0 open of 1 comparisons; ";
    assert!(said.contains(line), "{said}");
    let text = fs_err::read_to_string(out.path().join(table)).unwrap();
    let cell = "| Energy has the best trade-off of EPG and F1, on cells ";
    assert!(text.contains(cell), "{text}");
}

/// Says that class 1 of the data can say nothing about guidance.
const SAID: [(&str, &str); 2] = [
    ("guidance.data_inputs", "d"),
    (
        "guidance.uninformative",
        r#"{"1": "window is on 98 % of the images: a classifier learns nothing from it"}"#,
    ),
];

/// Adds to a run the scores of an epoch: `values` of test images, and F1 and EPG over the informative classes of
/// validation images.
fn with_scores(mut run: Run, epoch: i32, values: Vec<Value>, validated: [f64; 2]) -> Run {
    let [f1, epg] = validated;
    let of_val = vec![
        (Part::All, "f1_informative", f1),
        (Part::All, "epg_informative", epg),
    ];
    for (split, values) in [("test", values), ("val", of_val)] {
        run.scores.push(Score {
            split,
            epoch,
            layer: run.layer,
            values,
        });
    }
    run
}

/// The values of test images with this EPG over all classes, and this one over the informative classes.
fn of_test(over_all: f64, informative: f64) -> Vec<Value> {
    let mut values = reaches(0.95, over_all);
    for (metric, value) in [
        ("f1_informative", 0.50),
        ("epg_informative", informative),
        ("on_object", over_all),
        ("on_object_informative", informative),
        ("iou_tuned", over_all),
        ("iou_tuned_informative", informative),
    ] {
        values.push((Part::All, metric, value));
    }
    values
}

/// Runs of data in which a class can say nothing. Over all classes L1's maps are the better ones, over the informative
/// ones Energy's.
fn where_a_class_can_say_nothing() -> Vec<Run> {
    // Over all classes Energy's first epoch is the better one on validation, and both lose too much F1. Over the
    // informative ones it is the second, and both keep it.
    let energy = Run {
        epochs: vec![(1, 0.60, 0.90), (2, 0.60, 0.10)],
        ..Run::guided("energy", "energy")
    };
    let energy = with_scores(energy, 1, of_test(0.30, 0.35), [0.52, 0.10]);
    let mut runs = [
        with_scores(Run::default(), 1, of_test(0.20, 0.30), [0.50, 0.30]),
        with_scores(energy, 2, of_test(0.30, 0.60), [0.52, 0.60]),
        with_scores(
            Run::guided("l1", "l1"),
            1,
            of_test(0.80, 0.50),
            [0.52, 0.50],
        ),
    ];
    for run in &mut runs {
        run.dataset = "cells";
        run.said.extend(SAID);
    }
    over_seeds(&runs, 3)
}

#[test]
fn only_classes_that_can_say_something_count() {
    let runs = where_a_class_can_say_nothing();
    let results = results(&runs);
    // R1 is of EPG, R3 of on-object EPG.
    for claim in ["R1", "R3"] {
        let judged = judged_in(results.path(), claim);
        assert_eq!(judged.verdict, Verdict::Holds, "{judged:#?}");
        let mean = judged.trials[0].effect().mean;
        assert!((mean - 0.10).abs() < 0.003, "{claim}: {mean}");
    }

    let names = df!("class_id" => [0, 1, 2], "class_name" => ["door", "window", "sill"]);
    let path = results.path().join("data/cells/classes.parquet");
    write(&path, "classes", names.unwrap());
    let (said, _) = reported(&results, &["verdicts"]);
    let line = "F1, on cells (2 of 3 classes count): 1 for, 0 against, 0 open of 1 comparisons; ";
    assert!(said.contains(line), "{said}");
}

/// R2 compares IoU at the threshold that validation chose, of the final layer.
#[test]
fn iou_is_that_of_classes_that_can_say_something() {
    let mut runs = where_a_class_can_say_nothing();
    for run in &mut runs {
        run.layer = "final";
        run.scores
            .iter_mut()
            .for_each(|score| score.layer = "final");
    }
    let judged = judged_in(results(&runs).path(), "R2");
    // Over the informative classes L1's is the lower one.
    assert_eq!(judged.verdict, Verdict::DoesNotHold, "{judged:#?}");
    let compared = &judged.trials[0].compared;
    assert!(compared.contains("iou_tuned_informative"), "{compared}");
}

/// What validation chooses by must be of the same classes.
#[test]
fn without_scores_of_validation_images_nothing_is_judged() {
    let mut runs = where_a_class_can_say_nothing();
    for run in &mut runs {
        run.scores.retain(|score| score.split == "test");
    }
    let judged = judged_in(results(&runs).path(), "R1");
    assert_eq!(judged.verdict, Verdict::NotTested, "{judged:#?}");
}

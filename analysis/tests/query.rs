//! Runs `analysis query` with filters, groupings and comparisons on invented results (`common`), and tests what it
//! prints and writes as Parquet.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::program::{numbers, texts};
use common::{Part, Run, Score, add, over_seeds, reaches, results, write_with};
use polars::prelude::*;
use tempfile::TempDir;

/// Runs `analysis query` with these arguments.
fn query(results: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["query", "--results"])
        .arg(results)
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs `analysis query`, which must succeed; returns the lines that it prints.
fn answer(results: &Path, arguments: &[&str]) -> Vec<String> {
    let output = query(results, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A results folder with a baseline, runs guided by Energy with three seeds, and one guided by L1, which is scored
/// at two layers, in two groups of images and on one class.
fn world() -> TempDir {
    let seed = |seed: i64, f1: f64| {
        Run {
            seed,
            ..Run::guided(&format!("energy{seed}"), "energy")
        }
        .scored(reaches(f1, 0.60))
    };
    let mut in_groups = reaches(0.78, 0.50);
    in_groups.extend([
        (Part::Group(0), "f1", 0.90),
        (Part::Group(1), "f1", 0.66),
        (Part::Class(3), "epg", 0.25),
    ]);
    results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        seed(0, 0.79),
        seed(1, 0.80),
        seed(2, 0.84),
        Run::guided("l1", "l1")
            .scored(in_groups)
            .scored_at("final", reaches(0.78, 0.55)),
    ])
}

#[test]
fn rows_are_filtered() {
    let dir = world();
    let lines = answer(
        dir.path(),
        &[
            "--where",
            "loss=l1",
            "--where",
            "layer=input",
            "--metric",
            "f1,epg",
        ],
    );
    assert_eq!(
        lines,
        [
            "| run\\_id | name         | backbone | loss | lambda | seed | checkpoint | task         | attribution | layer | f1 (%) | epg (%) |",
            "|:--------|:-------------|:---------|:-----|:-------|-----:|-----------:|:-------------|:------------|:------|:-------|:--------|",
            "| l1      | l1 Some(0.1) | resnet50 | l1   | 0.1    |    0 |          1 | conventional | ixg         | input | 78.0   | 50.0    |",
            "",
            "1 row.",
        ]
    );
    // Rows of groups and classes are shown only if they are asked for.
    let groups = answer(dir.path(), &["--where", "group_id>=0", "--metric", "f1"]);
    assert!(groups[2].contains("|         0 | 90.0   |"), "{groups:#?}");
    assert_eq!(groups.last().unwrap(), "2 rows.");
    let class = answer(dir.path(), &["--where", "class_id=3", "--metric", "epg"]);
    assert_eq!(class.last().unwrap(), "1 row.");
    let none = answer(dir.path(), &["--where", "loss=l1", "--where", "seed=7"]);
    assert_eq!(none.last().unwrap(), "0 rows.");
}

#[test]
fn groups_have_mean_deviation_and_number() {
    let dir = world();
    let out = dir.path().join("answers/by_loss.parquet");
    let file = out.to_string_lossy().into_owned();
    let arguments = [
        "--where",
        "layer=input",
        "--group-by",
        "loss",
        "--metric",
        "f1,epg",
        "--out",
        &file,
    ];
    let lines = answer(dir.path(), &arguments);
    // numpy: mean 0.81, std(ddof=1) 0.0264575 of 0.79, 0.80, 0.84.
    assert_eq!(
        lines[2..5],
        [
            "| –      | 80.0         | 1 | 40.0         | 1 |",
            "| energy | 81.0 (± 2.6) | 3 | 60.0 (± 0.0) | 3 |",
            "| l1     | 78.0         | 1 | 50.0         | 1 |",
        ]
    );
    let frame = ParquetReader::new(std::fs::File::open(&out).unwrap())
        .finish()
        .unwrap();
    let names: Vec<&str> = frame
        .get_column_names()
        .into_iter()
        .map(|n| n.as_str())
        .collect();
    assert_eq!(
        names,
        ["loss", "f1", "f1_std", "f1_n", "epg", "epg_std", "epg_n"]
    );
    let std = frame.column("f1_std").unwrap().f64().unwrap();
    assert!((std.get(1).unwrap() - 0.026_457_513).abs() < 1e-8 && std.get(0).is_none());
}

#[test]
fn a_name_given_twice_counts_once() {
    let dir = world();
    let twice = ["--group-by", "loss,loss", "--metric", "f1,epg,f1"];
    let once = ["--group-by", "loss", "--metric", "f1,epg"];
    assert_eq!(answer(dir.path(), &twice), answer(dir.path(), &once));
    let (twice, once) = (["--metric", "f1,f1"], ["--metric", "f1"]);
    assert_eq!(answer(dir.path(), &twice), answer(dir.path(), &once));
}

/// The metric `iou_sweep` has a value at each of several thresholds. A mean over these would say nothing, so its
/// rows are grouped by threshold too.
#[test]
fn a_sweep_is_grouped_by_its_thresholds() {
    let mut values = reaches(0.80, 0.40);
    values.extend([
        (Part::All, "iou_sweep", 0.25),
        (Part::All, "iou_sweep", 0.75),
    ]);
    let dir = results(&[Run::default().scored(values)]);
    for columns in ["loss", "loss,threshold"] {
        let arguments = ["--group-by", columns, "--metric", "iou_sweep"];
        let lines = answer(dir.path(), &arguments);
        assert!(lines[0].contains("| threshold |"), "{lines:#?}");
        assert!(lines.last().unwrap().starts_with("2 rows."), "{lines:#?}");
    }
}

/// Epoch 1 is chosen, as its validation F1 is higher; epoch 2 was scored, too.
#[test]
fn checkpoints_that_were_not_chosen_can_be_asked_for() {
    let mut run = Run::default().scored(reaches(0.80, 0.40));
    run.scores.push(Score {
        split: "test",
        epoch: 2,
        layer: "input",
        values: reaches(0.70, 0.30),
    });
    let dir = results(&[run]);
    for (arguments, values) in [
        (&["--all"][..], &["80.0", "70.0"][..]),
        (&[], &["80.0"]),
        (&["--where", "is_selected=true"], &["80.0"]),
        (&["--where", "is_selected=false"], &["70.0"]),
        (&["--group-by", "is_selected"], &["70.0", "80.0"]),
    ] {
        let lines = answer(dir.path(), &[&["--metric", "f1"], arguments].concat());
        let rows = &lines[2..lines.len() - 2];
        assert_eq!(rows.len(), values.len(), "{arguments:?}: {lines:#?}");
        for (row, value) in rows.iter().zip(values) {
            assert!(row.contains(&format!("| {value} ")), "{lines:#?}");
        }
    }
}

/// One checkpoint was scored through maps in float32, and through maps whose precision is not known.
#[test]
fn a_mean_over_two_precisions_of_one_checkpoint_is_refused() {
    let run = Run::default().scored(reaches(0.80, 0.40));
    let dir = results(std::slice::from_ref(&run));
    let unknown = Run {
        maps_precision: None,
        ..run
    };
    add(dir.path(), &[unknown]);
    let output = query(dir.path(), &["--group-by", "loss", "--metric", "f1"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "error: --group-by: found maps of one checkpoint in several precisions (f32, none), expected \
         precision among the columns, or --where precision=VALUE\n"
    );
    let lines = answer(
        dir.path(),
        &[
            "--group-by",
            "loss",
            "--metric",
            "f1",
            "--where",
            "precision=none",
        ],
    );
    assert!(lines.last().unwrap().starts_with("1 row."), "{lines:#?}");
}

#[test]
fn two_runs_are_compared() {
    let dir = world();
    let lines = answer(dir.path(), &["--compare", "energy2,l1", "--metric", "epg"]);
    // Only the input's maps are compared, which both runs have. The interval is around −10, because the
    // scatter that both runs share cancels in the difference.
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(
        lines[2].starts_with("| conventional | ixg  | input | epg    | 60.0  | 50.0  | −10.0 [−1"),
        "{lines:#?}"
    );
    assert!(lines[4].starts_with("A: energy Some(0.1) (energy2). B: l1 Some(0.1) (l1)."));
}

#[test]
fn sides_of_several_seeds_are_compared() {
    let runs = [
        Run::default().scored(reaches(0.80, 0.40)),
        Run::guided("energy", "energy").scored(reaches(0.80, 0.60)),
    ];
    let dir = results(&over_seeds(&runs, 3));
    let out = dir.path().join("difference.parquet");
    let file = out.to_string_lossy().into_owned();
    let difference = |sides: &str| {
        let arguments = ["--compare", sides, "--metric", "epg", "--out", &file];
        let lines = answer(dir.path(), &arguments);
        let frame = ParquetReader::new(std::fs::File::open(&out).unwrap())
            .finish()
            .unwrap();
        let ends = ["difference_low", "difference_high"].map(|name| {
            let column = frame.column(name).unwrap().f64().unwrap();
            column.get(0).unwrap()
        });
        (ends, lines.last().unwrap().clone())
    };
    // Pairs of a seed, by a beginning of the ids.
    let (paired, said) = difference("base,energy");
    assert!(said.ends_with("Means over seeds, with 95 % intervals over seeds and test images."));
    assert!(paired[0] > 0.19 && paired[1] < 0.21, "{paired:?}");
    assert_eq!(difference("base-2+base-0+base-1,energy").0, paired);
    // Two seeds against three are no pairs.
    let (unpaired, _) = difference("base-0+base-1,energy");
    assert!(unpaired[0] > 0.15 && unpaired[1] < 0.25 && unpaired != paired);
    // One seed on a side: images alone.
    let (_, said) = difference("base-0,energy");
    assert!(said.ends_with("With 95 % intervals over test images alone."));
}

/// IoU at another threshold and EPG over fewer pairs are shown, but nothing is subtracted from them.
#[test]
fn values_that_differ_in_what_they_are_over_have_no_difference() {
    let mut values = reaches(0.80, 0.40);
    values.push((Part::All, "iou", 0.30));
    let guided = |seed: i64| {
        Run {
            seed,
            ..Run::guided(&format!("e{seed}"), "energy")
        }
        .scored(values.clone())
    };
    let dir = results(&[Run::default().scored(values.clone()), guided(0), guided(1)]);
    let evaluation = "runs/e1/evaluations/test-ixg-input-epoch-0001";
    let path = dir.path().join(evaluation).join("metrics.parquet");
    let mut frame = ParquetReader::new(std::fs::File::open(&path).unwrap())
        .finish()
        .unwrap();
    let metrics = texts(&frame, "metric");
    let threshold = metrics
        .iter()
        .map(|metric| (metric == "iou").then_some(0.3));
    let threshold: Vec<Option<f64>> = threshold.collect();
    let n = metrics
        .iter()
        .map(|metric| if metric == "epg" { 99 } else { 100 });
    let n: Vec<i64> = n.collect();
    for column in [
        Column::new("threshold".into(), threshold),
        Column::new("n".into(), n),
    ] {
        frame.with_column(column).unwrap();
    }
    // The frame may lie in the file's own memory, which must not change.
    fs_err::remove_file(&path).unwrap();
    write_with(&path, "metrics", &[("guidance.formulas", "2")], frame);

    let out = dir.path().join("difference.parquet");
    let file = out.to_string_lossy().into_owned();
    for (sides, compared, said) in [
        (
            "base,e0",
            &["epg", "f1", "iou"][..],
            "over test images alone.",
        ),
        (
            "base,e1",
            &["f1"],
            "No difference where the values are at different thresholds, or over different numbers of images or \
             pairs: epg, iou.",
        ),
        ("base,e0+e1", &["f1"], "pairs: epg, iou."),
    ] {
        let lines = answer(dir.path(), &["--compare", sides, "--out", &file]);
        assert!(lines.last().unwrap().ends_with(said), "{lines:#?}");
        let frame = ParquetReader::new(std::fs::File::open(&out).unwrap())
            .finish()
            .unwrap();
        for column in ["difference", "difference_low", "difference_high"] {
            let rows = texts(&frame, "metric")
                .into_iter()
                .zip(numbers(&frame, column));
            let found = rows.filter_map(|(metric, number)| number.map(|_| metric));
            assert_eq!(Vec::from_iter(found), compared, "{sides}: {column}");
        }
        assert_eq!(numbers(&frame, "b").len(), 3);
    }
}

/// An unknown name in a query must be refused with one line that lists the known ones.
#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let dir = world();
    for (arguments, message) in [
        (
            &["--metric", "f2"][..],
            "--metric: found f2, expected one of epg, f1",
        ),
        (
            &["--group-by", "los"],
            "--group-by: found los, expected one of run_id, checkpoint, split, ",
        ),
        (
            &["--where", "layr=input"],
            "--where: found layr, expected one of run_id, checkpoint, split, ",
        ),
        (
            &["--where", "seed=first"],
            "--where: found seed=first, expected a number for seed",
        ),
        (
            &["--compare", "energy1+l1,base"],
            "--compare: found energy1+l1,base, expected energy1+l1 to be one run, or runs that differ in the \
             seed alone, not 2 runs",
        ),
        (
            &["--compare", "nope,l1"],
            "--compare: found nope,l1, expected nope to be one of base, ",
        ),
    ] {
        let output = query(dir.path(), arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr.starts_with(&format!("error: {message}")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

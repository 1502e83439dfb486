//! Tests `evaluator score --threshold-from <evaluation>`, which chooses IoU's threshold by an evaluation (a
//! folder of scores) of the same run on validation images. The threshold and the IoU at it (`iou_tuned`) must
//! equal numpy's (`evaluator/tests/fixtures/birds.py`). Evaluations of anything else must be refused.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::dataset::{Split, Task};
use evaluator::evaluate::Scope::{self, All, Class, Group, Size};
use evaluator::evaluate::{METRICS, REPLICATES, SCORES};
use evaluator::maps::{MapRow, RunColumns};
use support::birds::{N_TEST, bird_sandbox, columns, maps, rows};
use support::{Sandbox, close, formula_rows, metric, row, stream, values};

const CONVENTIONAL: Task = Task::Conventional;
/// The hash of what the data folder was made from, and that of another folder.
const INPUTS: &str = "0123";
const OTHER_INPUTS: &str = "4567";

/// Scores the validation birds of a run into `val`.
fn validated(sandbox: &Sandbox, run: usize) {
    let args = ["--maps", "-", "--replicates", "0", "--examples", "0"];
    sandbox.scored("val", &args, &maps(run, Split::Val, CONVENTIONAL));
}

#[test]
fn the_threshold_is_the_best_on_validation() {
    // Run, chosen threshold, mean IoU of all pairs and of the group waterbirds on land.
    for (run, threshold, all, group) in [
        (0, 0.25, 0.114772472686393, 0.141534391534392),
        (1, 0.55, 0.150137714222382, 0.191821862348178),
    ] {
        let sandbox = bird_sandbox(INPUTS);
        validated(&sandbox, run);
        let args = ["--maps", "-", "--threshold-from", "val"];
        let summary = sandbox.scored("out", &args, &maps(run, Split::Test, CONVENTIONAL));
        let line = format!("iou_tuned > {threshold}");
        assert!(summary.contains(&line), "{summary}");

        let metrics = sandbox.table("out", &METRICS);
        let of = |name, scope| metric(&metrics, name, scope);
        close(of("iou_tuned", All), all, N_TEST as i64, "iou_tuned");
        close(of("iou_tuned", Group(2)), group, 3, "iou_tuned");
        assert_eq!(of("iou_tuned", All).unwrap().2, Some(threshold));
        assert_eq!(of("iou", All).unwrap().2, Some(0.5));
        assert_eq!(of("iou_tuned", Class(0)).unwrap().2, Some(threshold));

        let scores = sandbox.table("out", &SCORES);
        let tuned: Vec<f64> = values(&scores, "iou_tuned").into_iter().flatten().collect();
        let mean = tuned.iter().sum::<f64>() / N_TEST as f64;
        assert!((mean - all).abs() < 1e-12, "{mean}");
        let replicates = sandbox.table("out", &REPLICATES);
        let tuned = values(&replicates, "iou_tuned");
        // Each replicate has five rows: all images, then the four groups.
        let overall: Vec<f64> = tuned.into_iter().step_by(5).flatten().collect();
        let mean = overall.iter().sum::<f64>() / overall.len() as f64;
        assert_eq!(overall.len(), 1000);
        assert!((mean - all).abs() < 0.01, "{mean}");

        // Without the flag the metric is not there at all.
        let metrics = sandbox.table("val", &METRICS);
        assert_eq!(metric(&metrics, "iou_tuned", All), None);
    }
}

/// The values of all classes, sizes or groups, weighted by their numbers of pairs, sum to the overall one.
#[test]
fn classes_and_sizes_make_up_the_whole() {
    let sandbox = bird_sandbox(INPUTS);
    validated(&sandbox, 1);
    let args = ["--maps", "-", "--threshold-from", "val"];
    sandbox.scored("out", &args, &maps(1, Split::Test, CONVENTIONAL));
    let metrics = sandbox.table("out", &METRICS);
    let sum = |name: &str, scopes: &[Scope]| {
        let found = scopes.iter().filter_map(|&s| metric(&metrics, name, s));
        let terms = found.map(|(value, n, _)| (value.unwrap() * n as f64, n));
        terms.fold((0.0, 0), |sum, term| (sum.0 + term.0, sum.1 + term.1))
    };
    for name in ["epg", "epg_defined", "iou", "iou_tuned"] {
        let (whole, n) = sum(name, &[All]);
        let classes = [0, 1].map(Class);
        let sizes: [Scope; 7] = std::array::from_fn(Size);
        let groups = [0, 1, 2, 3].map(Group);
        for parts in [&classes[..], &sizes, &groups] {
            let (of_parts, n_parts) = sum(name, parts);
            assert!((of_parts - whole).abs() < 1e-12, "{name} {parts:?}");
            assert_eq!(n_parts, n, "{name} {parts:?}");
        }
    }
}

#[test]
fn of_thresholds_with_equal_iou_the_lowest_is_chosen() {
    let sandbox = Sandbox::new();
    // Both boxes are the upper left 4×4 cells. Up to the threshold 0.10 the 4×8 cells of 0.125 and more are
    // above it, IoU 1/2; from 0.15 to 0.35 only the boxes' own cells are, IoU 1; from 0.40 one cell, IoU 1/16.
    let map = |at: usize| match (at / 8 < 4, at % 8 < 4) {
        (true, true) if at == 0 => 1.0,
        (true, true) => 0.375,
        (true, false) => 0.125,
        _ => 0.0,
    };
    let rows: Vec<MapRow> = [("f", 0), ("g", 2)]
        .map(|pair| row(pair, 8, 8, (0..64).map(map).collect()))
        .into();
    let of = |split| RunColumns {
        split: Some(split),
        ..support::columns()
    };
    sandbox.scored("val", &["--maps", "-"], &stream(&rows, &of(Split::Val)));
    let args = ["--maps", "-", "--threshold-from", "val"];
    let test = stream(&formula_rows(), &of(Split::Test));
    sandbox.scored("out", &args, &test);
    let metrics = sandbox.table("out", &METRICS);
    let threshold = |name| metric(&metrics, name, All).unwrap().2;
    assert_eq!(threshold("iou_tuned"), Some(0.15));
}

#[test]
fn evaluations_of_something_else_are_refused() {
    let sandbox = bird_sandbox(INPUTS);
    validated(&sandbox, 0);
    let test = |change: fn(&mut RunColumns)| {
        let mut columns = columns(0, Split::Test);
        change(&mut columns);
        columns
    };
    type Change = fn(&mut RunColumns);
    let cases: [(Change, &str); 5] = [
        (
            |of| of.run_id = Some("b".to_owned()),
            "run_id: found a, expected b as in the maps",
        ),
        (
            |of| of.checkpoint = Some(4),
            "checkpoint: found 3, expected 4 as in the maps",
        ),
        (
            |of| of.attribution = Some("ixg".to_owned()),
            "attribution: found bcos, expected ixg as in the maps",
        ),
        (
            |of| of.layer = Some("final".to_owned()),
            "layer: found input, expected final as in the maps",
        ),
        (
            |of| of.split = Some(Split::Val),
            "split: found val, expected another split than the maps'",
        ),
    ];
    let args = ["--maps", "-", "--threshold-from", "val"];
    for (change, message) in cases {
        // The rows are wrong, too (they belong to other data), but this is checked before any is held against the data.
        let maps = stream(&formula_rows(), &test(change));
        let errors = sandbox.refused(&args, &maps);
        assert_eq!(errors, format!("error: val/metrics.parquet: {message}\n"));
    }
    let maps = maps(0, Split::Test, Task::Reversed);
    let reversed = [&args[..], &["--task", "reversed"]].concat();
    let errors = sandbox.refused(&reversed, &maps);
    let message = "guidance.task: found conventional, expected reversed as in the maps";
    assert!(errors.contains(message), "{errors}");

    let unfinished = ["--maps", "-", "--threshold-from", "data"];
    let errors = sandbox.refused(&unfinished, &maps);
    let message = "error: data: evaluation: found no metrics.parquet, expected a folder that evaluator score has finished\n";
    assert_eq!(errors, message);

    let other = bird_sandbox(OTHER_INPUTS);
    let val = sandbox.path("val");
    let from_other = ["--maps", "-", "--threshold-from", val.to_str().unwrap()];
    let errors = other.refused(
        &from_other,
        &support::birds::maps(0, Split::Test, CONVENTIONAL),
    );
    let message = format!(
        "guidance.data_inputs: found {INPUTS}, expected {OTHER_INPUTS} as in the data folder"
    );
    assert!(errors.contains(&message), "{errors}");
}

/// Map files without metadata, as other tools write them, are taken to be of the same run, with a warning.
#[test]
fn map_files_without_metadata_are_taken_as_one_run() {
    let sandbox = bird_sandbox(INPUTS);
    let none = RunColumns::default();
    let bare = |split| stream(&rows(0, split, CONVENTIONAL), &none);
    let [val, test] = [
        ("val-maps.arrow", Split::Val),
        ("test-maps.arrow", Split::Test),
    ]
    .map(|(name, split)| sandbox.file(name, &bare(split)));
    sandbox.scored("val", &["--maps", &val], &[]);
    let args = ["--maps", &test, "--threshold-from", "val"];
    let said = sandbox.said("out", &args, &[]);
    let line = "warning: val: run_id: neither the maps that are scored nor those of that evaluation say their run; both are taken to be of the same one\n";
    assert!(said.contains(line), "{said}");
    let metrics = sandbox.table("out", &METRICS);
    let (_, _, threshold) = metric(&metrics, "iou_tuned", All).unwrap();
    assert_eq!(threshold, Some(0.25));

    // Where only the maps or only the evaluation knows run or layer, the other's stand-in (the file's name,
    // "unknown") is compared with it and refused. A precision is compared where both know it.
    let errors = sandbox.refused(&[&args[..], &["--run-id", "a"]].concat(), &[]);
    let message = "error: val/metrics.parquet: run_id: found val-maps, expected a as in the maps\n";
    assert_eq!(errors, message);
    let errors = sandbox.refused(&[&args[..], &["--layer", "final"]].concat(), &[]);
    let message =
        "error: val/metrics.parquet: layer: found unknown, expected final as in the maps\n";
    assert_eq!(errors, message);
    let named = ["--maps", &val, "--run-id", "a", "--precision", "bf16"];
    sandbox.scored("val", &named, &[]);
    let errors = sandbox.refused(&args, &[]);
    let message =
        "error: val/metrics.parquet: run_id: found a, expected test-maps as in the maps\n";
    assert_eq!(errors, message);
    let same = [&args[..], &["--run-id", "a"]].concat();
    let said = sandbox.said("out", &same, &[]);
    assert!(!said.contains("run_id"), "{said}");
    let errors = sandbox.refused(&[&same[..], &["--precision", "f32"]].concat(), &[]);
    let message =
        "error: val/metrics.parquet: precision: found bf16, expected f32 as in the maps\n";
    assert_eq!(errors, message);
}

/// Maps without positive attribution have the same IoU at every threshold, which must cause a warning.
#[test]
fn an_iou_that_no_threshold_changes_is_warned_of() {
    let sandbox = bird_sandbox(INPUTS);
    let nothing = |split| {
        let mut rows = rows(0, split, CONVENTIONAL);
        rows.iter_mut().for_each(|row| row.map.fill(-1.0));
        stream(&rows, &columns(0, split))
    };
    sandbox.scored("val", &["--maps", "-"], &nothing(Split::Val));
    let args = ["--maps", "-", "--threshold-from", "val"];
    let said = sandbox.said("out", &args, &nothing(Split::Test));
    let line = "warning: val: iou_sweep: the mean IoU is the same at every threshold; iou_tuned takes the lowest threshold\n";
    assert!(said.contains(line), "{said}");
}

//! Tests the predictions (logits and targets) of an evaluation, the folder that `evaluator score` writes: it copies
//! them into the folder, and `evaluator compare` accepts there only those that were scored. Also tests that the
//! precision in which maps were computed is recorded, and that evaluations by another version of the formulas are
//! refused.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use arrow::array::{BooleanArray, Float32Array, RecordBatch, StringArray};
use arrow::ipc::writer::FileWriter;
use data_prep::dataset::{Split, Task};
use data_prep::schema::file_name;
use data_prep::table::{Provenance, TableSpec, column, read_table, write_table};
use evaluator::evaluate::PREDICTIONS;
use evaluator::evaluate::{EXAMPLES, IOU, METRICS, PAIRED, REPLICATES, SCORES};
use evaluator::maps::RunColumns;
use support::birds::{bird_sandbox, columns, logits, maps, rows, write_logits};
use support::{Sandbox, i32s, stream, texts, write_predictions};

const CONVENTIONAL: Task = Task::Conventional;

/// Scores run 0 into `a` and run 1 into `b`, with predictions from files outside these folders.
fn scored(sandbox: &Sandbox) {
    for (run, out) in ["a", "b"].into_iter().enumerate() {
        let logits = write_logits(sandbox, &format!("logits-{out}.parquet"), run, CONVENTIONAL);
        score(sandbox, out, run, &logits);
    }
}

/// Scores a run's test maps with the predictions in the file `logits` into `out`.
fn score(sandbox: &Sandbox, out: &str, run: usize, logits: &str) {
    let args = ["--maps", "-", "--replicates", "4", "--predictions", logits];
    sandbox.scored(out, &args, &maps(run, Split::Test, CONVENTIONAL));
}

/// Compares the evaluations `a` and `b`; returns exit code, stdout and stderr.
fn compare(sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, String, String) {
    let output = sandbox.run(&[&["compare", "--a", "a", "--b", "b"], args].concat(), &[]);
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), stdout, stderr)
}

/// Writes a run's logits as another tool would: an Arrow file in another order, without run and target.
fn foreign(sandbox: &Sandbox, name: &str, run: usize) -> String {
    let mut logits = logits(run, CONVENTIONAL);
    logits.reverse();
    let batch = RecordBatch::try_from_iter([
        ("image_id", texts(logits.iter().map(|c| c.0))),
        ("class_id", i32s(logits.iter().map(|c| c.1))),
        (
            "logit",
            Arc::new(Float32Array::from_iter_values(logits.iter().map(|c| c.2))) as _,
        ),
    ])
    .unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    sandbox.file(name, &writer.into_inner().unwrap())
}

#[test]
fn score_puts_them_where_compare_looks() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let (code, expected, notes) = compare(&sandbox, &[]);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    for metric in ["f1", "accuracy"] {
        let mut lines = expected.lines().filter(|line| line.starts_with(metric));
        assert!(lines.all(|line| line.ends_with("permutation") || line.ends_with("mcnemar")));
    }
    // Another tool's file with the same logits is copied as the same table.
    let ours = sandbox.table("a", &PREDICTIONS);
    score(&sandbox, "a", 0, &foreign(&sandbox, "logits.arrow", 0));
    assert_eq!(sandbox.table("a", &PREDICTIONS), ours);
    assert_eq!(compare(&sandbox, &[]).1, expected);
    let targets: &BooleanArray = column(&ours, "target");
    assert_eq!(targets.true_count(), 12);
    // Scored again with other predictions, the folder has those. A file that already lies in the folder is
    // not rewritten.
    score(&sandbox, "a", 0, "logits-a.parquet");
    let path = sandbox.path("a/predictions.parquet");
    write_predictions(&path, ("a", 3), &logits(0, CONVENTIONAL));
    let bytes = std::fs::read(&path).unwrap();
    score(&sandbox, "a", 0, path.to_str().unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(compare(&sandbox, &[]).1, expected);
}

#[test]
fn only_those_that_were_scored_are_compared() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let path = sandbox.path("b/predictions.parquet");
    let mut cells = logits(1, CONVENTIONAL);
    cells[0].2 += 1.0;
    type Write<'a> = &'a dyn Fn();
    let cases: [(Write, &str); 3] = [
        (
            &|| write_predictions(&path, ("other", 3), &cells),
            "run_id: found other, expected b as in b/metrics.parquet",
        ),
        (
            &|| write_predictions(&path, ("b", 4), &cells),
            "checkpoint: found 4, expected 3 as in b/metrics.parquet",
        ),
        (
            &|| write_predictions(&path, ("b", 3), &cells),
            "logit: found logits with the hash ",
        ),
    ];
    for (write, message) in cases {
        write();
        let (code, _, errors) = compare(&sandbox, &[]);
        let start = format!("error: b/predictions.parquet: {message}");
        assert_eq!(code, Some(2));
        assert!(
            errors.starts_with(&start) && errors.lines().count() == 1,
            "{errors}"
        );
    }
    // Predictions of another split, precision or task than the evaluation's.
    score(&sandbox, "b", 1, "logits-b.parquet");
    let (_, table) = read_table(&path, &PREDICTIONS).unwrap();
    for (name, value, found) in [
        ("split", "val", "split: found val, expected test"),
        ("precision", "bf16", "precision: found bf16, expected f32"),
        (
            "",
            "",
            "guidance.task: found reversed, expected conventional",
        ),
    ] {
        let args = ["--maps", "-", "--replicates", "4", "--precision", "f32"];
        let args = [&args[..], &["--predictions", "logits-b.parquet"]].concat();
        sandbox.scored("b", &args, &maps(1, Split::Test, CONVENTIONAL));
        let mut arrays = table.columns().to_vec();
        if let Ok(i) = PREDICTIONS.schema().index_of(name) {
            arrays[i] = texts(vec![value; table.num_rows()]);
        }
        let batch = PREDICTIONS.batch(arrays).unwrap();
        let mut provenance = Provenance::new("test 0", "0");
        if name.is_empty() {
            provenance = provenance.with("guidance.task", "reversed");
        }
        write_table(&path, &PREDICTIONS, &provenance, &batch).unwrap();
        let (code, _, errors) = compare(&sandbox, &[]);
        let message = format!("error: b/predictions.parquet: {found} as in b/metrics.parquet\n");
        assert_eq!((code, errors), (Some(2), message));
    }
    // An evaluation scored without predictions is compared without any, even if a file lies in its folder.
    let args = ["--maps", "-", "--replicates", "4"];
    sandbox.scored("b", &args, &maps(1, Split::Test, CONVENTIONAL));
    let (code, stdout, notes) = compare(&sandbox, &[]);
    let note = "note: no b/predictions.parquet that was scored, so f1 and accuracy are not tested\nnote: only a has f1, map, accuracy, so that is not compared\n";
    assert_eq!((code, notes.as_str()), (Some(0), note));
    assert!(!stdout.contains("\nf1 "), "{stdout}");
}

#[test]
fn targets_may_come_from_the_data_folder() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let expected = compare(&sandbox, &[]).1;
    // Another tool's file that lies in the folder when it is scored stays as it is, without targets.
    for (out, run) in [("a", 0), ("b", 1)] {
        let path = foreign(&sandbox, &format!("{out}/predictions.parquet"), run);
        score(&sandbox, out, run, &path);
    }
    let (code, _, errors) = compare(&sandbox, &[]);
    let message = "error: a/predictions.parquet: target: found no such column, expected a column of type Boolean\nhint: --data DIR takes the targets from the data folder's labels\n";
    assert_eq!((code, errors.as_str()), (Some(2), message));
    let (code, stdout, _) = compare(&sandbox, &["--data", "data"]);
    assert_eq!((code, stdout), (Some(0), expected));
    let other = bird_sandbox("4567");
    let data = other.path("data").display().to_string();
    let (code, _, errors) = compare(&sandbox, &["--data", &data]);
    let message = format!(
        "error: a/metrics.parquet: guidance.data_inputs: found 0123, expected 4567 as in {data}\n"
    );
    assert_eq!((code, errors), (Some(2), message));
}

/// Returns the values of the column `name` of an evaluation's table, each once per stretch of equal rows.
fn precisions(sandbox: &Sandbox, out: &str, spec: &TableSpec, name: &str) -> Vec<Option<String>> {
    let table = sandbox.table(out, spec);
    let mut found: Vec<Option<String>> = column::<StringArray>(&table, name)
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect();
    found.dedup();
    found
}

#[test]
fn the_precision_of_an_explanation_is_recorded() {
    let sandbox = bird_sandbox("0123");
    let stream_of = |run: usize, precision: Option<&str>| {
        let columns = RunColumns {
            precision: precision.map(str::to_owned),
            batch_size: Some(5),
            ..columns(run, Split::Test)
        };
        stream(&rows(run, Split::Test, CONVENTIONAL), &columns)
    };
    let args = ["--maps", "-", "--replicates", "1", "--examples", "1"];
    let summary = sandbox.scored("b", &args, &stream_of(0, Some("bf16")));
    assert!(
        summary.starts_with("a epoch 3 · test · bcos at input in bf16 · "),
        "{summary}"
    );
    for spec in [&SCORES, &IOU, &METRICS, &REPLICATES, &EXAMPLES] {
        let found = precisions(&sandbox, "b", spec, "precision");
        assert_eq!(found, [Some("bf16".to_owned())], "{}", spec.name);
        let (origin, _) = read_table(sandbox.path("b").join(file_name(spec)), spec).unwrap();
        assert_eq!(origin.get("guidance.formulas"), Some("3"));
        assert_eq!(origin.get("guidance.batch_size"), Some("5"));
    }
    // If the maps do not say a precision, the column is null. An evaluation without a precision may be compared
    // with one that has it.
    sandbox.scored("a", &args, &stream_of(0, None));
    assert_eq!(precisions(&sandbox, "a", &METRICS, "precision"), [None]);
    let (code, summary, _) = compare(&sandbox, &["--out", "paired"]);
    let head = "A  a epoch 3 · test · bcos at input\nB  a epoch 3 · test · bcos at input in bf16\n";
    assert!(code == Some(0) && summary.starts_with(head), "{summary}");
    assert_eq!(
        precisions(&sandbox, "paired", &PAIRED, "precision_a"),
        [None]
    );
    let bf16 = [Some("bf16".to_owned())];
    assert_eq!(precisions(&sandbox, "paired", &PAIRED, "precision_b"), bf16);
    // The flag overrides the maps' metadata. If neither says a precision, that of the predictions is taken; if one
    // does, the predictions must have the same.
    let with = |flags: &[&'static str]| [&args[..], flags].concat();
    sandbox.scored(
        "c",
        &with(&["--precision", "fp16"]),
        &stream_of(0, Some("bf16")),
    );
    let found = precisions(&sandbox, "c", &METRICS, "precision");
    assert_eq!(found, [Some("fp16".to_owned())]);
    let logits = write_logits(&sandbox, "p.parquet", 0, CONVENTIONAL);
    let (_, table) = read_table(&logits, &PREDICTIONS).unwrap();
    let mut arrays = table.columns().to_vec();
    let last = arrays.len() - 1;
    arrays[last] = texts(vec!["f32"; table.num_rows()]);
    let batch = PREDICTIONS.batch(arrays.clone()).unwrap();
    write_table(
        &logits,
        &PREDICTIONS,
        &Provenance::new("test 0", "0"),
        &batch,
    )
    .unwrap();
    let predicted = with(&["--predictions", "p.parquet"]);
    sandbox.scored("c", &predicted, &stream_of(0, None));
    let f32 = [Some("f32".to_owned())];
    assert_eq!(precisions(&sandbox, "c", &METRICS, "precision"), f32);
    assert_eq!(precisions(&sandbox, "c", &PREDICTIONS, "precision"), f32);
    let errors = sandbox.refused(&predicted, &stream_of(0, Some("bf16")));
    let message = "error: p.parquet: precision: found f32, expected bf16 as in the maps\n";
    assert_eq!(errors, message);
    // A file with rows of two precisions.
    let mut mixed = vec![Some("f32"); table.num_rows()];
    mixed[7] = Some("bf16");
    arrays[last] = Arc::new(StringArray::from(mixed));
    let batch = PREDICTIONS.batch(arrays).unwrap();
    write_table(
        &logits,
        &PREDICTIONS,
        &Provenance::new("test 0", "0"),
        &batch,
    )
    .unwrap();
    let errors = sandbox.refused(&predicted, &stream_of(0, None));
    let message = "error: p.parquet: precision: found bf16, expected f32 as in row 0\n";
    assert_eq!(errors, message);
}

#[test]
fn what_maps_do_not_say_their_predictions_may() {
    let sandbox = bird_sandbox("0123");
    let bare = stream(&rows(0, Split::Test, CONVENTIONAL), &RunColumns::default());
    let maps = sandbox.file("bare.arrow", &bare);
    let logits = write_logits(&sandbox, "p.parquet", 0, CONVENTIONAL);
    let args = [
        "--maps",
        &maps,
        "--predictions",
        &logits,
        "--replicates",
        "0",
    ];
    let summary = sandbox.scored("out", &args, &[]);
    let head = "a epoch 3 · test · unknown at unknown · 12 pairs\n";
    assert!(summary.starts_with(head), "{summary}");
    // A file with rows of two runs.
    let (_, table) = read_table(&logits, &PREDICTIONS).unwrap();
    let mut arrays = table.columns().to_vec();
    let mut ids = vec!["a"; table.num_rows()];
    ids[9] = "b";
    arrays[0] = texts(ids);
    let batch = PREDICTIONS.batch(arrays).unwrap();
    write_table(
        &logits,
        &PREDICTIONS,
        &Provenance::new("test 0", "0"),
        &batch,
    )
    .unwrap();
    let errors = sandbox.refused(&args, &[]);
    let message = format!("error: {logits}: run_id: found b, expected a as in row 0\n");
    assert_eq!(errors, message);
}

#[test]
fn evaluations_of_other_formulas_are_refused() {
    let sandbox = bird_sandbox("0123");
    let versions = String::from_utf8(sandbox.run(&["formulas"], &[]).stdout).unwrap();
    assert!(versions.starts_with("formulas = 3\n"), "{versions}");
    assert!(versions.contains("\nscores = 4\n"), "{versions}");
    scored(&sandbox);
    let val = maps(0, Split::Val, CONVENTIONAL);
    sandbox.scored("val", &["--maps", "-", "--replicates", "0"], &val);
    for (found, value) in [("1", Some("1")), ("nothing", None)] {
        for out in ["b", "val"] {
            let path = sandbox.path(out).join("metrics.parquet");
            let (mut origin, batch) = read_table(&path, &METRICS).unwrap();
            let mut metadata = std::mem::take(&mut origin.metadata);
            for key in ["formulas", "schema", "version", "program", "inputs"] {
                metadata.remove(&format!("guidance.{key}"));
            }
            metadata.remove("ARROW:schema");
            let mut provenance = Provenance::new("evaluator 0", "0");
            provenance.extra = metadata
                .into_iter()
                .chain(value.map(|value| ("guidance.formulas".to_owned(), value.to_owned())))
                .collect();
            write_table(&path, &METRICS, &provenance, &batch).unwrap();
        }
        let message = |out| {
            format!(
                "error: {out}/metrics.parquet: guidance.formulas: found {found}, expected 3, this program's version of the formulas\nhint: score its maps again with evaluator score\n"
            )
        };
        let (code, _, errors) = compare(&sandbox, &[]);
        assert_eq!((code, errors), (Some(2), message("b")));
        let args = ["--maps", "-", "--threshold-from", "val"];
        let errors = sandbox.refused(&args, &maps(0, Split::Test, CONVENTIONAL));
        assert_eq!(errors, message("val"));
    }
}

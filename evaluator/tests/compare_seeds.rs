//! Tests `evaluator compare` with several evaluations on a side: the same run with other seeds. Its formulas are
//! tested in `src/compare/over_seeds.rs`.
#![allow(clippy::unwrap_used)]

mod support;

use arrow::array::{Array, Float64Array, Int32Array, RecordBatch, StringArray};
use data_prep::dataset::{Split, Task};
use data_prep::table::column;
use evaluator::evaluate::PAIRED;
use evaluator::maps::RunColumns;
use support::birds::{bird_sandbox, columns, rows};
use support::{Sandbox, stream};

/// Scores maps of the birds as the runs a, a2 (run 0) and b, b2, b3 (run 1); of a2 and b2 the maps of every fourth
/// bird are the other run's.
fn scored(sandbox: &Sandbox) {
    for (id, run) in [("a", 0), ("a2", 0), ("b", 1), ("b2", 1), ("b3", 1)] {
        let mut maps = rows(run, Split::Test, Task::Conventional);
        if id.ends_with('2') {
            let other = rows(1 - run, Split::Test, Task::Conventional);
            let every_fourth = maps.iter_mut().zip(other).step_by(4);
            every_fourth.for_each(|(own, other)| *own = other);
        }
        let named = RunColumns {
            run_id: Some(id.to_owned()),
            ..columns(run, Split::Test)
        };
        let args = ["--maps", "-", "--replicates", "200"];
        sandbox.scored(id, &args, &stream(&maps, &named));
    }
}

/// Compares two sides into `out`, and returns the table's row of EPG over all images.
fn epg(sandbox: &Sandbox, a: &[&str], b: &[&str], out: &str) -> (RecordBatch, usize) {
    let args = [&["compare", "--out", out, "--a"], a, &["--b"], b].concat();
    let output = sandbox.run(&args, &[]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let table = sandbox.table(out, &PAIRED);
    let metrics: &StringArray = column(&table, "metric");
    let row = metrics.iter().position(|metric| metric == Some("epg"));
    (table.clone(), row.unwrap())
}

fn number(table: &RecordBatch, row: usize, name: &str) -> Option<f64> {
    let column: &Float64Array = column(table, name);
    column.is_valid(row).then(|| column.value(row))
}

#[test]
fn several_seeds_are_compared_by_their_means() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let single = |a: &str, b: &str| {
        let (table, row) = epg(&sandbox, &[a], &[b], &format!("{a}-{b}"));
        ["value_a", "value_b"].map(|name| number(&table, row, name).unwrap())
    };
    let ([a, b], [a2, b2]) = (single("a", "b"), single("a2", "b2"));
    let (table, row) = epg(&sandbox, &["a", "a2"], &["b", "b2"], "paired");
    let get = |name: &str| number(&table, row, name).unwrap();
    for (name, expected) in [
        ("value_a", (a + a2) / 2.0),
        ("value_b", (b + b2) / 2.0),
        ("difference", (b + b2 - a - a2) / 2.0),
    ] {
        assert!((get(name) - expected).abs() < 1e-12, "{name}");
    }
    // Two pairs whose differences have the deviation s: with one degree of freedom for the seeds the interval reaches
    // at least 1.96 · s / √2 to each side.
    let deviation = ((b - a) - (b2 - a2)).abs() / 2_f64.sqrt();
    let half = (get("ci_high") - get("ci_low")) / 2.0;
    assert!(deviation > 0.0 && half > 1.96 * deviation / 2_f64.sqrt());
    assert!((get("ci_low") + half - get("difference")).abs() < 1e-12);
    let text = |name: &str| column::<StringArray>(&table, name).value(row).to_owned();
    assert_eq!(
        (text("run_id_a"), text("test")),
        ("a+a2".to_owned(), "student".to_owned())
    );
    let count = |name: &str| column::<Int32Array>(&table, name).value(row);
    assert_eq!((count("seeds_a"), count("seeds_b")), (2, 2));
    assert!(column::<Int32Array>(&table, "checkpoint_a").is_null(row));
    // Unequal numbers.
    let (table, row) = epg(&sandbox, &["a", "a2"], &["b", "b2", "b3"], "unequal");
    assert!(number(&table, row, "p_value").is_some());
    // One seed on a side: over images alone, and no test.
    let (table, row) = epg(&sandbox, &["a"], &["b", "b2"], "one");
    assert!(number(&table, row, "ci_low").is_some());
    assert_eq!(number(&table, row, "p_value"), None);
}

#[test]
fn an_evaluation_counts_once() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let output = sandbox.run(&["compare", "--a", "a", "a", "--b", "b", "b2"], &[]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        errors,
        "error: a/metrics.parquet: run_id: found a epoch 3 · test · bcos at input, expected each \
         evaluation of a side once\n"
    );
}

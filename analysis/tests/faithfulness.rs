//! Tests the exhibit `faithfulness`: what `trainer faithfulness` measured before and after guidance, on the same pairs
//! (an image and a class on it).

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{Run, reaches, results, write_with};
use polars::prelude::*;
use tempfile::TempDir;

/// A row: image, class, measure, baseline, value.
type Row = (&'static str, i32, &'static str, Option<&'static str>, f64);

/// Writes what was measured of a run's first epoch at the layer `input`.
fn measured(root: &Path, id: &str, steps: &str, rows: &[Row]) {
    let n = rows.len();
    let texts = |of: fn(&Row) -> &'static str| rows.iter().map(of).collect::<Vec<_>>();
    let frame = df!(
        "run_id" => vec![id; n], "checkpoint" => vec![1; n], "split" => vec!["test"; n],
        "image_id" => texts(|row| row.0), "class_id" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "attribution" => vec!["ixg"; n], "layer" => vec!["input"; n], "precision" => vec!["f32"; n],
        "measure" => texts(|row| row.2), "baseline" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
        "value" => rows.iter().map(|row| row.4).collect::<Vec<_>>(),
    );
    let titles = r#"{"insertion": "Insertion AUC", "randomised_similarity": "Similarity", "blur": "blurred image"}"#;
    let metadata = [
        ("guidance.faithfulness", "1"),
        ("guidance.steps", steps),
        ("guidance.titles", titles),
    ];
    let folder = root.join("runs").join(id);
    let folder = folder.join("evaluations/test-ixg-input-epoch-0001");
    let path = folder.join("faithfulness.parquet");
    write_with(&path, "faithfulness", &metadata, frame.unwrap());
}

/// Runs `analysis report --show faithfulness`.
fn report(results: &Path, out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["report", "--show", "faithfulness", "--results"])
        .arg(results)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

/// A baseline and a run guided by Energy for each seed.
fn runs(seeds: &[i64]) -> TempDir {
    let baseline = |seed: &i64| Run {
        id: ["base", "base1", "base2"][*seed as usize].to_owned(),
        seed: *seed,
        ..Run::default()
    };
    let guided = |seed: &i64| Run {
        baseline: Some(["base", "base1", "base2"][*seed as usize]),
        seed: *seed,
        ..Run::guided(&format!("energy{seed}"), "energy")
    };
    let all = seeds.iter().map(baseline).chain(seeds.iter().map(guided));
    let all: Vec<Run> = all.map(|run| run.scored(reaches(0.8, 0.5))).collect();
    results(&all)
}

/// The values of a column of the exhibit's table.
fn numbers(out: &Path, column: &str) -> Vec<Option<f64>> {
    let path = out.join("tables/faithfulness_before_after.parquet");
    let frame = ParquetReader::new(std::fs::File::open(path).unwrap());
    let frame = frame.finish().unwrap();
    let column = frame.column(column).unwrap().cast(&DataType::Float64);
    column.unwrap().f64().unwrap().iter().collect()
}

/// Asserts that a column has these values.
fn expect(out: &Path, column: &str, expected: &[Option<f64>]) {
    let found = numbers(out, column);
    let close = |(found, expected): (&Option<f64>, &Option<f64>)| match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        (found, expected) => found == expected,
    };
    let is_right = found.len() == expected.len() && found.iter().zip(expected).all(close);
    assert!(is_right, "{column}: {found:?} {expected:?}");
}

const BLUR: Option<&str> = Some("blur");

#[test]
fn a_run_stands_beside_its_baseline_on_the_same_pairs() {
    let dir = runs(&[0]);
    measured(
        dir.path(),
        "base",
        "28",
        &[
            ("a", 0, "insertion", BLUR, 0.5),
            ("a", 0, "randomised_similarity", None, 0.1),
            ("b", 1, "insertion", BLUR, 0.5),
            ("c", 0, "insertion", BLUR, 0.1),
            ("d", 0, "insertion", BLUR, 0.9),
            ("e", 0, "insertion", BLUR, 0.2),
        ],
    );
    measured(
        dir.path(),
        "energy0",
        "28",
        &[
            ("a", 0, "insertion", BLUR, 0.6),
            ("a", 0, "randomised_similarity", None, 0.4),
            ("b", 1, "insertion", BLUR, 0.8),
            ("c", 0, "insertion", BLUR, 0.3),
            ("d", 0, "insertion", BLUR, 0.9),
        ],
    );
    let out = TempDir::new().unwrap();
    let done = report(dir.path(), out.path());
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let out = out.path();
    expect(out, "before", &[Some(0.5), Some(0.1)]);
    expect(out, "after", &[Some(0.65), Some(0.4)]);
    expect(out, "difference", &[Some(0.15), Some(0.3)]);
    expect(out, "pairs", &[Some(4.0), Some(1.0)]);
    expect(out, "seeds", &[Some(1.0); 2]);
    // scipy: t.ppf(0.975, 3) · numpy.std([0.1, 0.3, 0.2, 0], ddof=1) / √4. A single pair has no interval.
    let half = 3.182_446_305_283_708 * 0.129_099_444_873_580_56 / 2.0;
    expect(out, "difference_low", &[Some(0.15 - half), None]);
    expect(out, "difference_high", &[Some(0.15 + half), None]);
    let text = fs_err::read_to_string(out.join("tables/faithfulness_before_after.md")).unwrap();
    for words in ["Insertion AUC", "blurred image", "Similarity", "Energy"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Differences of 0.1, 0.3, 0.2 and of 0.2, 0.5, 0.2 on three images. numpy and scipy: the seeds' means are d = [0.2,
/// 0.3]; their covariance, as they share images, is c = numpy.cov(…)[0, 1]/3 = 0.005; the variance of the mean is v =
/// d.var(ddof=1)/2 + c, with f = v²/((d.var(ddof=1)/2)²/1 + c²/2) = 3 degrees of freedom; the interval is d.mean() ±
/// t.ppf(0.975, 3) · √v.
#[test]
fn seeds_are_taken_together() {
    let dir = runs(&[0, 1]);
    let rows = |values: [f64; 3]| -> Vec<Row> {
        let images = ["a", "b", "c"].into_iter().zip(values);
        images
            .map(|(image, value)| (image, 0, "insertion", BLUR, value))
            .collect()
    };
    for (id, values) in [
        ("base", [0.0, 0.0, 0.0]),
        ("base1", [0.0, 0.0, 0.0]),
        ("energy0", [0.1, 0.3, 0.2]),
        ("energy1", [0.2, 0.5, 0.2]),
    ] {
        measured(dir.path(), id, "28", &rows(values));
    }
    let out = TempDir::new().unwrap();
    let done = report(dir.path(), out.path());
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    expect(out.path(), "seeds", &[Some(2.0)]);
    expect(out.path(), "difference", &[Some(0.25)]);
    let half = 3.182_446_305_283_708 * 0.007_5_f64.sqrt();
    expect(out.path(), "difference_low", &[Some(0.25 - half)]);
    expect(out.path(), "difference_high", &[Some(0.25 + half)]);
}

#[test]
fn what_is_missing_is_said_and_other_steps_are_refused() {
    let dir = runs(&[0]);
    let row = [("a", 0, "insertion", BLUR, 0.5)];
    let out = TempDir::new().unwrap();
    measured(dir.path(), "base", "28", &row);
    let done = report(dir.path(), out.path());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(
        said.contains("no guided run was measured beside its baseline"),
        "{said}"
    );
    measured(dir.path(), "energy0", "14", &row);
    let done = report(dir.path(), out.path());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(
        said.contains("guidance.steps: found 14, expected 28 as in "),
        "{said}"
    );
}

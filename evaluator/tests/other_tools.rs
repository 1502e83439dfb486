//! Scores files of attribution maps that pyarrow, pandas and polars wrote: the resulting tables must equal those for
//! the same maps written by our own writer. Tested with committed files and, where `GUIDANCE_PYTHON` names a Python
//! with these packages, with files written on the spot.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use arrow::array::RecordBatch;
use evaluator::evaluate::{IOU, METRICS, SCORES};
use evaluator::maps::RunColumns;
use support::{Sandbox, formula_rows, stream};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/maps");
const FILES: [&str; 8] = [
    "pandas.parquet",
    "polars-views-stream.arrow",
    "polars-views.arrow",
    "polars.parquet",
    "pyarrow-file.arrow",
    "pyarrow-inferred.parquet",
    "pyarrow-large-lz4.feather",
    "pyarrow-stream.arrow",
];
/// Further arguments of `evaluator score`; without `--run-id`, the file's name would be the run id.
const ARGS: [&str; 4] = ["--run-id", "r", "--replicates", "3"];

/// Scores a map file; returns the scores, the IoU sweep and the metrics.
fn tables(sandbox: &Sandbox, maps: &Path) -> [RecordBatch; 3] {
    sandbox.scored(
        "out",
        &[&["--maps", maps.to_str().unwrap()], &ARGS[..]].concat(),
        &[],
    );
    [&SCORES, &IOU, &METRICS].map(|spec| sandbox.table("out", spec))
}

/// Asserts that each of [`FILES`] in `folder` is scored like our own file.
fn check(folder: &Path) {
    let sandbox = Sandbox::new();
    let own = sandbox.file(
        "own.arrow",
        &stream(&formula_rows(), &RunColumns::default()),
    );
    let expected = tables(&sandbox, Path::new(&own));
    for file in FILES {
        assert_eq!(tables(&sandbox, &folder.join(file)), expected, "{file}");
    }
    // From a pipe as well.
    let bytes = std::fs::read(folder.join("pyarrow-stream.arrow")).unwrap();
    sandbox.scored("out", &[&["--maps", "-"], &ARGS[..]].concat(), &bytes);
    assert_eq!(sandbox.table("out", &METRICS), expected[2]);
}

#[test]
fn committed_files() {
    check(Path::new(FIXTURES));
}

#[test]
fn files_written_now() {
    // `cargo xtask test` installs such a Python and sets the variable.
    let Some(python) = std::env::var_os("GUIDANCE_PYTHON") else {
        println!("skipped: files_written_now: GUIDANCE_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{FIXTURES}/make.py");
    let status = Command::new(&python)
        .arg(script)
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    check(folder.path());
}

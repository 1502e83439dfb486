//! Runs `analysis` in a test and reads the tables that it writes.

#![allow(clippy::unwrap_used, dead_code)]

use std::path::Path;
use std::process::{Command, Output};

use polars::prelude::*;
use tempfile::TempDir;

/// Runs `analysis <command> --results <results> <arguments>`.
pub fn analysis(command: &str, results: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args([command, "--results"])
        .arg(results)
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs `analysis report`; returns the folder it wrote and its standard error.
pub fn report(results: &Path) -> (TempDir, String) {
    let out = TempDir::new().unwrap();
    let folder = out.path().to_string_lossy().into_owned();
    let output = analysis("report", results, &["--out", &folder]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (out, stderr)
}

/// Reads the table `<name>.parquet` in the report's folder `out`.
pub fn table(out: &TempDir, name: &str) -> DataFrame {
    let path = out.path().join(format!("{name}.parquet"));
    ParquetReader::new(std::fs::File::open(path).unwrap())
        .finish()
        .unwrap()
}

/// Returns a text column, with "–" for null.
pub fn texts(frame: &DataFrame, column: &str) -> Vec<String> {
    let column = frame.column(column).unwrap().str().unwrap();
    let texts = column.iter();
    texts.map(|text| text.unwrap_or("–").to_owned()).collect()
}

/// Returns a column of numbers.
pub fn numbers(frame: &DataFrame, column: &str) -> Vec<Option<f64>> {
    let column = frame.column(column).unwrap().cast(&DataType::Float64);
    column.unwrap().f64().unwrap().iter().collect()
}

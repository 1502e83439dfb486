//! Measures the time and memory of one process, and takes medians over several.
//!
//! The measuring is done by `tests/python/bench/measure.py`, for our programs as for the Python ones, so
//! that both are measured alike.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::python;
use crate::system::process;

/// What `measure.py` prints about a process.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cost {
    /// Wall time from start to end.
    pub(super) seconds: f64,
    /// CPU time on all cores: the program's own and the kernel's on its behalf.
    pub(super) cpu_seconds: f64,
    /// Largest resident set.
    pub(super) peak_mib: f64,
    /// What the process printed.
    stdout: String,
}

impl Cost {
    /// Parses what the process printed as JSON.
    pub(super) fn report<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("found {:?}, expected a JSON object", self.stdout.trim()))
    }
}

/// Runs `measured` under `measure.py` with the interpreter `python`; an error where it fails. Of `measured`
/// only the program and the arguments are used, no environment or folder.
pub(super) fn run(python: &Path, measured: &Command) -> Result<Cost> {
    let program = Path::new(measured.get_program());
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let mut command = Command::new(python);
    command
        .arg(python::script("measure.py"))
        .arg(program)
        .args(measured.get_args());
    let printed = process::capture(&mut command, &format!("measuring {name}"))?;
    serde_json::from_str(&printed).with_context(|| format!("measuring {name}"))
}

/// The median of `quantity` over `runs`; of an even number, the mean of the two in the middle.
pub(super) fn median_of<T>(runs: &[T], quantity: impl Fn(&T) -> f64) -> f64 {
    median(runs.iter().map(quantity).collect())
}

/// The median; NaN of an empty list.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ => (values[(n - 1) / 2] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_does_not_depend_on_order_and_lies_between_the_middle_two() {
        let cases: [(&[f64], f64); 4] = [
            (&[4.0], 4.0),
            (&[9.0, 1.0, 2.0], 2.0),
            (&[10.0, 2.0], 6.0),
            (&[1.0, 100.0, 3.0, 5.0], 4.0),
        ];
        for (values, expected) in cases {
            assert_eq!(median(values.to_vec()), expected, "{values:?}");
        }
        assert!(median(Vec::new()).is_nan());
    }
}

//! One measured process, and what several of them come to. The measuring is `measure.py`'s: both
//! sides of a comparison go through the same lines.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::python;
use crate::system::process;

/// What a process cost.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cost {
    /// From start to end.
    pub(super) seconds: f64,
    /// On all cores, in the program and in the system for it.
    pub(super) cpu_seconds: f64,
    /// Largest resident set.
    pub(super) peak_mib: f64,
    stdout: String,
}

impl Cost {
    /// What the process printed, as JSON.
    pub(super) fn report<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("found {:?}, expected a JSON object", self.stdout.trim()))
    }
}

/// Runs `measured` to its end; an error where it fails. Only its program and arguments count.
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

/// One quantity of several runs: the middle value, or the mean of the two in the middle.
pub(super) fn median_of<T>(runs: &[T], quantity: impl Fn(&T) -> f64) -> f64 {
    median(runs.iter().map(quantity).collect())
}

/// NaN of nothing.
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

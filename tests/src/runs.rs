//! Starts `trainer train` as a user does, and compares the folders of two finished runs (a run is one training, with a
//! folder of its own).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::programs::program;
use crate::tables::read;

/// Columns of times, which differ between equal runs.
const TIMES: [&str; 2] = ["seconds", "images_per_second"];

/// Returns the command `trainer train` on the CPU in one thread. Sums are then added in the same order each time, so
/// that results have the same bits. `config` is the run's `run.toml`, `data` the data folder, `runs` the folder in
/// which the run gets its own.
pub fn train(config: &Path, data: &Path, runs: &Path) -> Command {
    let mut command = program("trainer");
    command.arg("train").arg("--config").arg(config);
    command.arg("--data").arg(data).arg("--out").arg(runs);
    command.args(["--device", "cpu", "--threads", "1"]);
    command
}

/// Returns the command `training` with the default handling of SIGHUP. Otherwise, if the tests were started by `nohup`,
/// the training would inherit that SIGHUP is ignored.
pub fn hearing_hangups(training: &Command) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP");
    command
        .arg(training.get_program())
        .args(training.get_args());
    command
}

/// Returns the first difference between the folders of two finished runs; `None` where they are the same. It compares
/// the names of the files, the bytes of every checkpoint, and the rows of `epochs.parquet` and `run.parquet` without
/// the columns of times.
///
/// # Errors
/// A file that cannot be read.
pub fn difference(expected: &Path, found: &Path) -> Result<Option<String>> {
    let (ours, others) = (files(expected)?, files(found)?);
    let names = |files: &BTreeMap<String, PathBuf>| files.keys().cloned().collect::<Vec<_>>();
    if names(&ours) != names(&others) {
        let (ours, others) = (names(&ours), names(&others));
        return Ok(Some(format!("files: found {others:?}, expected {ours:?}")));
    }
    for (name, file) in &ours {
        if name.ends_with(".safetensors") && fs_err::read(file)? != fs_err::read(&others[name])? {
            return Ok(Some(format!("{name}: other bytes")));
        }
        if name.ends_with(".parquet") {
            let (expected, found) = (read(file)?.rows, read(&others[name])?.rows);
            for (column, field) in expected.schema().fields().iter().enumerate() {
                let is_time = TIMES.contains(&field.name().as_str());
                if !is_time && expected.column(column) != found.column(column) {
                    return Ok(Some(format!("{name}: {}: other values", field.name())));
                }
            }
        }
    }
    Ok(None)
}

/// Returns the files in a run's folder and in its folder of checkpoints, hidden ones included, by their path in the
/// run's folder.
fn files(run: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for folder in ["", "checkpoints/"] {
        for entry in fs_err::read_dir(run.join(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.insert(format!("{folder}{name}"), entry.path());
            }
        }
    }
    Ok(files)
}

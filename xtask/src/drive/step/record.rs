//! Keeps a step's files in the out folder, for `cargo xtask status` and for the next start.
//! `steps/<key>.toml`, the record, has its state; `logs/<key>.log` (with - for /) has its output. The trainer
//! writes how far it is into `steps/<key>.progress.json`. `steps/<key>.lock` is locked as long as any process of
//! the step lives; it tells whether a step that is recorded as running still runs, or was killed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::system::lock::{self, Holder};
use crate::system::{files, process};

/// The state of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Running,
    Finished,
    Failed,
    /// Stopped by a signal, after it saved its work.
    Stopped,
}

/// The content of a step's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// The machine's name.
    pub(crate) host: String,
    /// As `--device` was given.
    pub(crate) device: String,
    /// Seconds since 1970.
    pub(crate) began: u64,
    /// Its duration in seconds; 0 until it has ended.
    pub(crate) seconds: f64,
    /// Of a score: how many times in a row its job's time limit ended it before it had made one evaluation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) fruitless: u32,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Record {
    /// The record of a step that begins now.
    pub(crate) fn begin(device: &str) -> Record {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Record {
            state: State::Running,
            host: host.trim().to_owned(),
            device: device.to_owned(),
            began: now().as_secs(),
            seconds: 0.0,
            fruitless: 0,
            error: None,
        }
    }

    /// The record of the step `key` in `out`; None where it was not started since the plan was made.
    pub(crate) fn read(out: &Path, key: &str) -> Result<Option<Record>> {
        let file = record_file(out, key);
        match file.is_file() {
            true => files::read_toml(&file).map(Some),
            false => Ok(None),
        }
    }

    /// Writes the record of the step `key` into `out`.
    pub(crate) fn write(&self, out: &Path, key: &str) -> Result<()> {
        files::write(&record_file(out, key), &toml::to_string(self)?)
    }
}

/// Removes the records of an earlier plan's steps, whose keys may now stand for other steps.
pub(crate) fn clear<'a>(out: &Path, keys: impl Iterator<Item = &'a str>) -> Result<()> {
    for key in keys {
        for file in [record_file(out, key), progress_file(out, key)] {
            if file.is_file() {
                fs::remove_file(file)?;
            }
        }
    }
    Ok(())
}

/// The path of a step's record.
fn record_file(out: &Path, key: &str) -> PathBuf {
    out.join("steps").join(format!("{key}.toml"))
}

/// The path of the file in which the trainer says how far the step is.
pub(crate) fn progress_file(out: &Path, key: &str) -> PathBuf {
    out.join("steps").join(format!("{key}.progress.json"))
}

/// The number of epochs that the training of the step `key` has finished, as the trainer said last; None where it said
/// nothing that can be read, or none is.
pub(super) fn finished_epochs(out: &Path, key: &str) -> Option<u32> {
    /// What the file has a number for each finished epoch of.
    #[derive(Deserialize)]
    struct Losses {
        loss: Vec<f64>,
    }
    let text = std::fs::read(progress_file(out, key)).ok()?;
    let said: Losses = serde_json::from_slice(&text).ok()?;
    let epochs = u32::try_from(said.loss.len()).ok()?;
    (epochs > 0).then_some(epochs)
}

/// The time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The path of a step's lock.
fn lock_file(out: &Path, key: &str) -> PathBuf {
    out.join("steps").join(format!("{key}.lock"))
}

/// The path of the lock of a reproduction, which the programs that it started hold, too.
pub(crate) fn reproduction_lock(out: &Path) -> PathBuf {
    out.join(".lock")
}

/// Locks the step for this program and those it starts. Waits while programs of an earlier start still run.
pub(crate) fn lock(out: &Path, key: &str) -> Result<fs::File> {
    let file = lock_file(out, key);
    files::make_folder(file.parent().unwrap_or(out))?;
    let lock = fs::File::create(file)?;
    let meanwhile = format!("{key} is still at work elsewhere: waiting for it");
    lock::take(&lock, &meanwhile)?;
    Ok(lock)
}

/// Finds out whether any process is at work on the step.
pub(crate) fn holder(out: &Path, key: &str) -> Holder {
    lock::holder(&lock_file(out, key))
}

/// The path of a step's log: everything that the step prints, which also goes to this program's stderr.
pub(crate) fn log_file(out: &Path, key: &str) -> PathBuf {
    out.join("logs")
        .join(format!("{}.log", key.replace('/', "-")))
}

/// The log of a running step.
#[derive(Debug)]
pub(crate) struct Log {
    file: Mutex<fs::File>,
    /// The last line that began with "error: ", without these words.
    error: Mutex<Option<String>>,
}

impl Log {
    /// Opens the log of `key`, after the output of earlier attempts.
    pub(crate) fn open(out: &Path, key: &str, title: &str) -> Result<Log> {
        let path = log_file(out, key);
        files::make_folder(&out.join("logs"))?;
        let mut options = fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&path)?;
        writeln!(file, "--- {title}")?;
        Ok(Log {
            file: Mutex::new(file),
            error: Mutex::new(None),
        })
    }

    /// Writes one line to stderr and to the log.
    pub(crate) fn say(&self, line: &str) {
        eprintln!("{line}");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // An error in writing the log is ignored: the line is on stderr as well, and a full disk makes the
        // stage itself fail.
        writeln!(file, "{line}").ok();
        if let Some(error) = line.strip_prefix("error: ") {
            let mut last = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(error.to_owned());
        }
    }

    /// Redirects the stderr of `command`, which is not started yet, to the log. The returned thread ends when
    /// `command` and all processes that it started have ended.
    pub(super) fn of(self: &Arc<Self>, command: &mut Command) -> Result<JoinHandle<()>> {
        let log = Arc::clone(self);
        process::read_stderr(command, move |line| log.say(&line))
    }

    /// Returns the last error and forgets it.
    pub(super) fn take_error(&self) -> Option<String> {
        let mut last = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        last.take()
    }
}

//! What a step leaves about itself in the out folder, for those who watch and for the next start:
//! `steps/<key>.toml` says what became of it, `logs/<key>.log` (with - for /) has all it said. A lock
//! that is held as long as anything of the step lives tells the running from the broken off.

use std::io::{ErrorKind, Write};
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

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Running,
    Finished,
    Failed,
    /// By a signal, in good order.
    Stopped,
}

/// A step's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// Of the machine.
    pub(crate) host: String,
    pub(crate) device: String,
    /// Seconds since 1970.
    pub(crate) began: u64,
    /// It took so long; until it has ended, 0.
    pub(crate) seconds: f64,
    /// How often in a row a signal stopped it before it had made anything.
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
    /// Of a step that begins now.
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

    /// Of the step `key` in `out`, where it has been started since the plan was made.
    pub(crate) fn read(out: &Path, key: &str) -> Result<Option<Record>> {
        let file = record_file(out, key);
        match file.is_file() {
            true => files::read_toml(&file).map(Some),
            false => Ok(None),
        }
    }

    pub(crate) fn write(&self, out: &Path, key: &str) -> Result<()> {
        files::write(&record_file(out, key), &toml::to_string(self)?)
    }
}

/// Takes away what an earlier plan's steps left: the keys may now stand for others.
pub(crate) fn clear<'a>(out: &Path, keys: impl Iterator<Item = &'a str>) -> Result<()> {
    for key in keys {
        let file = record_file(out, key);
        if file.is_file() {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn record_file(out: &Path, key: &str) -> PathBuf {
    out.join("steps").join(format!("{key}.toml"))
}

/// Seconds since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn lock_file(out: &Path, key: &str) -> PathBuf {
    out.join("steps").join(format!("{key}.lock"))
}

/// Takes the step for this program and those it starts. One that outlived its starter is waited for,
/// not met at work.
pub(crate) fn lock(out: &Path, key: &str) -> Result<fs::File> {
    let file = lock_file(out, key);
    files::make_folder(file.parent().unwrap_or(out))?;
    let lock = fs::File::create(file)?;
    let meanwhile = format!("{key} is still at work elsewhere: waiting for it");
    lock::take(&lock, &meanwhile);
    Ok(lock)
}

/// Who is at work on the step.
pub(crate) fn holder(out: &Path, key: &str) -> Holder {
    let file = lock_file(out, key);
    match fs::File::open(file) {
        Ok(file) => file.file().try_lock_shared().into(),
        Err(error) if error.kind() == ErrorKind::NotFound => Holder::Nobody,
        Err(error) => Holder::Unknown(error),
    }
}

/// Where everything that a step says goes, besides this program's stderr.
pub(crate) fn log_file(out: &Path, key: &str) -> PathBuf {
    out.join("logs")
        .join(format!("{}.log", key.replace('/', "-")))
}

/// The log of a step at work.
#[derive(Debug)]
pub(crate) struct Log {
    file: Mutex<fs::File>,
    /// The last line that a stage began with "error:".
    error: Mutex<Option<String>>,
}

impl Log {
    /// Opens the log of `key`; what earlier attempts said stays above.
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

    /// One line, here and there.
    pub(crate) fn say(&self, line: &str) {
        eprintln!("{line}");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk ends the stage itself; what it says is on stderr all the same.
        writeln!(file, "{line}").ok();
        if let Some(error) = line.strip_prefix("error: ") {
            let mut last = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(error.to_owned());
        }
    }

    /// What `command`, once started, says on stderr. The thread ends when `command` and what it
    /// started are gone.
    pub(super) fn of(self: &Arc<Self>, command: &mut Command) -> Result<JoinHandle<()>> {
        let log = Arc::clone(self);
        process::read_stderr(command, move |line| log.say(&line))
    }

    /// A stage's last error, once.
    pub(super) fn take_error(&self) -> Option<String> {
        let mut last = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        last.take()
    }
}

//! The file of `trainer train --progress`: how far the run is, for programs that watch it. It is written anew
//! every few seconds and after every epoch, by renaming, and never flushed: after a crash it says nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::run::epochs::EpochRow;

/// How often it is written within an epoch.
const INTERVAL: Duration = Duration::from_secs(3);

/// Its content, a JSON object.
#[derive(Debug, Serialize)]
struct Content {
    /// The epochs of the run.
    epochs: i32,
    /// Steps done in the epoch after those that have a loss.
    step: usize,
    /// The steps of an epoch. Where all are done, the epoch is being validated.
    steps: usize,
    /// Expected seconds to the end of the run; `null` before it can be told.
    seconds_left: Option<f64>,
    /// The mean training loss of each finished epoch.
    loss: Vec<f64>,
    /// F1 on the validation split after each.
    val_f1: Vec<f64>,
    /// EPG on the validation split after each.
    val_epg: Vec<f64>,
}

/// Writes the file, where one was asked for.
#[derive(Debug)]
pub(crate) struct ProgressFile<'a> {
    path: Option<&'a Path>,
    epochs: i32,
    /// When it was last written, and with how many finished epochs.
    written: Option<(Instant, usize)>,
    /// When this program began, and the steps of the epoch that were done by then.
    began: Option<(Instant, usize)>,
}

impl<'a> ProgressFile<'a> {
    /// The file at `path` of a run of `epochs` epochs, not written yet.
    pub(crate) fn new(path: Option<&'a Path>, epochs: i32) -> Self {
        ProgressFile {
            path,
            epochs,
            written: None,
            began: None,
        }
    }

    /// Says that after the finished epochs `rows` `step` of `steps` steps are done. Writes only where an
    /// interval has passed, an epoch was finished, or its steps. A file that cannot be written is said once
    /// and given up: the run does not depend on it.
    pub(crate) fn tell(&mut self, rows: &[EpochRow], (step, steps): (usize, usize)) {
        let Some(path) = self.path else { return };
        let (began, done_before) = *self.began.get_or_insert_with(|| (Instant::now(), step));
        let is_new = self.written.is_none_or(|(when, finished)| {
            when.elapsed() >= INTERVAL || finished != rows.len() || step == steps
        });
        if !is_new {
            return;
        }
        let each = |get: fn(&EpochRow) -> f64| rows.iter().map(get).collect();
        let done = rows.len() as f64 + step as f64 / steps.max(1) as f64;
        let seconds_left = match (rows.last(), step.checked_sub(done_before)) {
            (Some(row), _) => Some(row.seconds * (f64::from(self.epochs) - done).max(0.0)),
            (None, None | Some(0)) => None,
            (None, Some(n)) => {
                let left = f64::from(self.epochs) * steps as f64 - step as f64;
                Some(began.elapsed().as_secs_f64() / n as f64 * left)
            }
        };
        let content = Content {
            epochs: self.epochs,
            step,
            steps,
            seconds_left,
            loss: each(|row| row.loss),
            val_f1: each(|row| row.val_f1),
            val_epg: each(|row| row.val_epg),
        };
        self.written = Some((Instant::now(), rows.len()));
        if let Err(error) = write(path, &content) {
            say!("warning: {error}: how far the run is will not be shown");
            self.path = None;
        }
    }
}

/// Writes the file under another name and renames it.
fn write(path: &Path, content: &Content) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs_err::write(&partial, serde_json::to_vec(content)?)?;
    fs_err::rename(&partial, path)
}

//! The file of `trainer train --progress`: how far the run is, for programs that watch it. It is replaced (written
//! under another name and renamed) every few seconds and after every epoch. It is not flushed to the disk, so it
//! may be empty after a crash of the machine; nothing depends on it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::run::epochs::EpochRow;

/// How often it is written within an epoch, at most. Chosen.
const INTERVAL: Duration = Duration::from_secs(3);

/// Its content, a JSON object.
#[derive(Debug, Serialize)]
struct Content {
    /// The epochs of the run.
    epochs: i32,
    /// Steps done in the current epoch. Its number, from 0, is the length of `loss`.
    step: usize,
    /// The steps of an epoch. If `step` is equal to it, the epoch is being validated.
    steps: usize,
    /// Expected seconds to the end of the run: from the duration of the last finished epoch, in the first epoch
    /// from that of this program's steps; `null` before its first step is done.
    seconds_left: Option<f64>,
    /// The mean training loss of each finished epoch.
    loss: Vec<f64>,
    /// F1 on the validation split after each, 0–1.
    val_f1: Vec<f64>,
    /// Mean EPG on the validation split after each, 0–1: the share of positive attribution inside the boxes.
    val_epg: Vec<f64>,
}

/// Writes the file, where one was asked for.
#[derive(Debug)]
pub(crate) struct ProgressFile<'a> {
    path: Option<&'a Path>,
    epochs: i32,
    /// When it was last written, and with how many finished epochs.
    written: Option<(Instant, usize)>,
    /// When this program first told something, and how many steps of the epoch were done by then (a resumed run
    /// begins within an epoch).
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

    /// Says that the epochs `rows` are finished, and `step` of the `steps` steps of the next one. Writes only if
    /// [`INTERVAL`] has passed, an epoch was finished, or all steps of an epoch are done. If the file cannot be
    /// written, a warning says so once and no more is written: the run does not depend on it.
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

//! Names the files in the folder of a run (one training):
//!
//! ```text
//! runs/<run id>/ run.toml             the configuration, with comments on data and weights
//!                epochs.parquet       one row per finished epoch
//!                checkpoints/epoch-NNNN.safetensors   the weights of each kept epoch
//!                resume.safetensors   saved after every epoch and when stopped, to resume from: weights,
//!                                     optimizer, and the position (finished epochs and steps)
//!                resume.previous.safetensors   the saved state before it, in case the newest is damaged
//!                tensorboard/events.out.tfevents.*   curves and maps for TensorBoard, a file for each start
//!                train.lock           held by the program that trains the run
//!                run.parquet          written last: if it is there, the run is finished
//! ```

use std::path::{Path, PathBuf};

use crate::error::Result;

/// Paths of a run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// The folder.
    pub dir: PathBuf,
}

impl RunFolder {
    /// The folder of the run `run_id` under `runs`.
    pub fn new(runs: &Path, run_id: &str) -> Self {
        RunFolder {
            dir: runs.join(run_id),
        }
    }

    /// The run's id, which names the folder.
    pub fn run_id(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The configuration as given, with comments on the data and weights it was resolved to.
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("run.toml")
    }

    /// The table that is written last and marks the run as finished.
    pub fn run_table(&self) -> PathBuf {
        self.dir.join("run.parquet")
    }

    /// The table with one row per finished epoch.
    pub fn epochs_table(&self) -> PathBuf {
        self.dir.join("epochs.parquet")
    }

    /// The newest saved state: weights, optimizer and position after the last finished epoch, or at the
    /// step where the run was stopped.
    pub fn resume_file(&self) -> PathBuf {
        self.dir.join("resume.safetensors")
    }

    /// The state that was saved before the newest.
    pub fn previous_resume_file(&self) -> PathBuf {
        self.dir.join("resume.previous.safetensors")
    }

    /// The file that the program which trains the run keeps locked.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("train.lock")
    }

    /// The folder of the event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.dir.join("tensorboard")
    }

    /// The weights of a kept epoch.
    pub fn checkpoint_file(&self, epoch: i32) -> PathBuf {
        self.dir
            .join("checkpoints")
            .join(format!("epoch-{epoch:04}.safetensors"))
    }

    /// Removes temporary files that programs left when they were killed while writing. `epochs` is the number of
    /// epochs that the run may have. The caller must hold the run's lock.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove_leftovers(&self, epochs: i32) -> Result<()> {
        let tables = [self.config_file(), self.epochs_table(), self.run_table()];
        let weights = (1..=epochs).map(|epoch| self.checkpoint_file(epoch));
        for file in tables
            .into_iter()
            .chain([self.resume_file()])
            .chain(weights)
        {
            data_prep::atomic::remove_leftovers(file)?;
        }
        Ok(())
    }
}

/// Removes a file if it exists. (Removing without asking first fails on a read-only file system even
/// where there is nothing to remove.)
pub(crate) fn remove_if_there(file: &Path) -> Result<()> {
    match file.exists() {
        true => Ok(fs_err::remove_file(file)?),
        false => Ok(()),
    }
}

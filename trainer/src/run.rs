//! A run's folder: what lies in it and in which state it is.
//!
//! ```text
//! runs/<run id>/ run.toml             the configuration as resolved
//!                epochs.parquet       one row per finished epoch
//!                checkpoints/epoch-NNNN.safetensors   the kept epochs
//!                resume.safetensors   weights, optimizer and position, after every epoch and where stopped
//!                resume.previous.safetensors   the one before, in case the newest is damaged
//!                train.lock           held by the program that trains it
//!                run.parquet          written last: the run is finished
//! ```

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use data_prep::dataset::Task;
use data_prep::table::read_table;

use crate::config::ResolvedRun;
use crate::error::{Error, Result};
use crate::names::{Attribution, Backbone, Layer, Precision};
use crate::pareto::{self, Candidate};
use crate::resume::SavedStates;
use crate::tables::{self, EpochRow};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing there.
    Absent,
    /// Begun; so many epochs are finished.
    Partial(usize),
    /// Begun, and nothing that was saved can be read.
    Damaged,
    /// All epochs are finished.
    Finished,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            State::Absent => write!(f, "absent"),
            State::Partial(epochs) => write!(f, "partial {epochs}"),
            State::Damaged => write!(f, "damaged"),
            State::Finished => write!(f, "finished"),
        }
    }
}

/// Paths of a run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    /// The folder.
    pub dir: PathBuf,
}

impl RunFolder {
    /// The folder of `run` under `runs`.
    pub fn new(runs: &Path, run: &ResolvedRun) -> Self {
        RunFolder {
            dir: runs.join(&run.run_id),
        }
    }

    /// The resolved configuration.
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("run.toml")
    }

    /// The table that ends a run.
    pub fn run_table(&self) -> PathBuf {
        self.dir.join("run.parquet")
    }

    /// One row per finished epoch.
    pub fn epochs_table(&self) -> PathBuf {
        self.dir.join("epochs.parquet")
    }

    /// Weights, optimizer and position, after the last finished epoch or where it was stopped.
    pub fn resume_file(&self) -> PathBuf {
        self.dir.join("resume.safetensors")
    }

    /// What [`RunFolder::resume_file`] was before it was written anew.
    pub fn previous_resume_file(&self) -> PathBuf {
        self.dir.join("resume.previous.safetensors")
    }

    /// Held by the program that trains the run.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("train.lock")
    }

    /// The weights of a kept epoch.
    pub fn checkpoint_file(&self, epoch: i32) -> PathBuf {
        self.dir
            .join("checkpoints")
            .join(format!("epoch-{epoch:04}.safetensors"))
    }

    /// How far the run is.
    pub fn state(&self) -> State {
        if self.run_table().exists() {
            return State::Finished;
        }
        match SavedStates::of(self).finished_epochs() {
            Ok(None) => State::Absent,
            Ok(Some(epochs)) => State::Partial(epochs),
            Err(_) => State::Damaged,
        }
    }

    /// Removes what programs killed while they were writing have left, of a run of `epochs`. Nobody else
    /// may be at work on it.
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

    /// Removes from the folder of a finished run what only an unfinished one needs.
    ///
    /// # Errors
    /// The disk's.
    pub fn tidy(&self) -> Result<()> {
        // The lock goes last: without it, all is done.
        if !self.lock_file().exists() {
            return Ok(());
        }
        for row in tables::read_epochs(&self.epochs_table())? {
            if !row.is_pareto {
                remove_if_there(&self.checkpoint_file(row.epoch))?;
            }
        }
        remove_if_there(&self.resume_file())?;
        remove_if_there(&self.previous_resume_file())?;
        remove_if_there(&self.lock_file())
    }

    /// Reads a finished run.
    ///
    /// # Errors
    /// A folder that holds no finished run.
    pub fn open_finished(dir: &Path) -> Result<FinishedRun> {
        let folder = RunFolder {
            dir: dir.to_owned(),
        };
        if !folder.run_table().exists() {
            let found = if dir.is_dir() {
                "an unfinished run or another folder"
            } else {
                "no such folder"
            };
            return Err(Error::invalid(
                dir,
                "run folder",
                found,
                "a folder with run.parquet, written when a run ends",
            ));
        }
        let path = folder.run_table();
        let (_, batch) = read_table(&path, &tables::RUN)?;
        if batch.num_rows() != 1 {
            return Err(Error::invalid(
                &path,
                "rows",
                batch.num_rows().to_string(),
                "1",
            ));
        }
        let cell = |name: &str| tables::text_cell(&batch, name).unwrap_or_default();
        let known = |name: &str| {
            let (path, field) = (path.clone(), name.to_owned());
            move |reason: String| Error::Unparsed {
                path,
                field,
                reason,
            }
        };
        let epochs = tables::read_epochs(&folder.epochs_table())?;
        let kept: Vec<EpochRow> = epochs.iter().filter(|row| row.is_pareto).cloned().collect();
        let best_f1_epoch = pareto::best_f1(&candidates(&kept)).ok_or_else(|| {
            Error::invalid(folder.epochs_table(), "is_pareto", "no epoch", "at least 1")
        })?;
        Ok(FinishedRun {
            run_id: cell("run_id"),
            configuration: cell("configuration"),
            dataset: cell("dataset"),
            backbone: cell("backbone").parse().map_err(known("backbone"))?,
            attribution: cell("attribution").parse().map_err(known("attribution"))?,
            layer: cell("layer").parse().map_err(known("layer"))?,
            data_inputs: cell("data_inputs"),
            task: cell("task").parse().map_err(known("task"))?,
            precision: cell("precision").parse().map_err(known("precision"))?,
            is_guided: tables::text_cell(&batch, "loss").is_some(),
            best_f1_epoch,
            epochs,
            folder,
            table: batch,
        })
    }
}

/// A finished run as later steps need it.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// Its id.
    pub run_id: String,
    /// What it has in common with runs that differ in λ, seed and epoch alone.
    pub configuration: String,
    /// The data set's name.
    pub dataset: String,
    /// Its backbone.
    pub backbone: Backbone,
    /// The attribution it was trained or validated with.
    pub attribution: Attribution,
    /// And at which layer.
    pub layer: Layer,
    /// The data folder's provenance hash.
    pub data_inputs: String,
    /// What it was asked of the images.
    pub task: Task,
    /// In which numbers it was trained.
    pub precision: Precision,
    /// Whether it was trained with a localization loss.
    pub is_guided: bool,
    /// The epoch with the highest validation F1 among those kept.
    pub best_f1_epoch: i32,
    /// Its epochs.
    pub epochs: Vec<EpochRow>,
    /// Its folder.
    pub folder: RunFolder,
    /// The one row of `run.parquet`.
    pub table: RecordBatch,
}

impl FinishedRun {
    /// The weights of a kept epoch.
    ///
    /// # Errors
    /// An epoch that was not kept, or whose file is gone.
    pub fn checkpoint_file(&self, epoch: i32) -> Result<PathBuf> {
        let file = self.folder.checkpoint_file(epoch);
        let kept = self.epochs.iter().filter(|row| row.is_pareto);
        let kept: Vec<i32> = kept.map(|row| row.epoch).collect();
        if !kept.contains(&epoch) {
            let kept: Vec<String> = kept.iter().map(i32::to_string).collect();
            let expected = format!("one of the kept epochs {}", kept.join(", "));
            let found = epoch.to_string();
            return Err(Error::invalid(
                &self.folder.dir,
                "checkpoint",
                found,
                expected,
            ));
        }
        match file.exists() {
            true => Ok(file),
            false => {
                let expected = "the weights of a kept epoch";
                Err(Error::invalid(file, "file", "no such file", expected))
            }
        }
    }
}

/// Removes a file that is there. (Of one that is not, a read-only file system says that it is
/// read-only.)
pub(crate) fn remove_if_there(file: &Path) -> Result<()> {
    match file.exists() {
        true => Ok(fs_err::remove_file(file)?),
        false => Ok(()),
    }
}

/// The validation metrics of epochs.
pub fn candidates(epochs: &[EpochRow]) -> Vec<Candidate> {
    epochs
        .iter()
        .map(|row| Candidate {
            epoch: row.epoch,
            f1: row.val_f1,
            epg: row.val_epg,
            iou: row.val_iou,
        })
        .collect()
}

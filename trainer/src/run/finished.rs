//! Opens the folder of a finished run (one training) and reads what other commands need of it: `explain`, `predict`,
//! `export`, `select`, and the training of a run that begins from it.

use std::path::{Path, PathBuf};

use arrow::array::{Array, Int32Array, RecordBatch, StringArray};
use data_prep::dataset::{Labels, Task};
use data_prep::geometry::Grid;
use data_prep::table::{column, read_table};

use crate::error::{Error, Result};
use crate::explain::attribution::Attribution;
use crate::names::{Explained, Layer, Precision};
use crate::network::Backbone;
use crate::run::epochs::{self, EpochRow};
use crate::run::folder::RunFolder;
use crate::run::pareto::Candidate;
use crate::run::{pareto, schema};
use crate::weights::{checkpoint, described};

/// A finished run, read from its folder.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// Its id.
    pub run_id: String,
    /// The hash of its configuration, which is the same for runs that differ only in seed and λ, the weight of the
    /// localization loss.
    pub configuration: String,
    /// The data set's name.
    pub dataset: String,
    /// Its backbone.
    pub backbone: Backbone,
    /// The attribution method it was trained or validated with.
    pub attribution: Attribution,
    /// The layer at which these maps explain the network.
    pub layer: Layer,
    /// The hash of everything from which the data folder was made, its source files and options.
    pub data_inputs: String,
    /// The task it was trained for.
    pub task: Task,
    /// Whether an image shows any number of classes or exactly one.
    pub labels: Labels,
    /// What its maps explain: a class's logit, or its contrast to the other classes' logits.
    pub explained: Explained,
    /// The precision it was trained in.
    pub precision: Precision,
    /// The height and width of its input, in pixels.
    pub input: Grid,
    /// Whether it was trained with a localization loss.
    pub is_guided: bool,
    /// The epoch with the highest validation F1 among those kept.
    pub best_f1_epoch: i32,
    /// A row for each of its epochs.
    pub epochs: Vec<EpochRow>,
    /// Its folder.
    pub folder: RunFolder,
    /// The one row of `run.parquet`.
    pub table: RecordBatch,
}

impl FinishedRun {
    /// Reads the finished run in the folder `dir`.
    ///
    /// # Errors
    /// A folder that holds no finished run.
    pub fn open(dir: &Path) -> Result<FinishedRun> {
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
        let (_, batch) = read_table(&path, &schema::RUN)?;
        if batch.num_rows() != 1 {
            return Err(Error::invalid(
                &path,
                "rows",
                batch.num_rows().to_string(),
                "1",
            ));
        }
        let cell = |name: &str| text_cell(&batch, name).unwrap_or_default();
        let known = |name: &str| {
            let (path, field) = (path.clone(), name.to_owned());
            move |reason: String| Error::Unparsed {
                path,
                field,
                reason,
            }
        };
        let epochs = epochs::read(&folder.epochs_table())?;
        let kept: Vec<EpochRow> = epochs.iter().filter(|row| row.is_kept).cloned().collect();
        let best_f1_epoch = pareto::best_f1(&epochs::candidates(&kept)).ok_or_else(|| {
            Error::invalid(folder.epochs_table(), "is_pareto", "no epoch", "at least 1")
        })?;
        let name = cell("backbone");
        let backbone = match name.parse() {
            Ok(backbone) => backbone,
            // No built-in network: one that was imported from a PyTorch export. The weights' file describes it.
            Err(reason) => {
                let file = folder.checkpoint_file(best_f1_epoch);
                let metadata = checkpoint::metadata(&file)?;
                match described::of_metadata(&metadata, &file) {
                    Ok(backbone) if backbone.to_string() == name => backbone,
                    _ => return Err(known("backbone")(reason)),
                }
            }
        };
        Ok(FinishedRun {
            run_id: cell("run_id"),
            configuration: cell("configuration"),
            dataset: cell("dataset"),
            backbone,
            attribution: cell("attribution").parse().map_err(known("attribution"))?,
            layer: cell("layer").parse().map_err(known("layer"))?,
            data_inputs: cell("data_inputs"),
            task: cell("task").parse().map_err(known("task"))?,
            labels: cell("labels").parse().map_err(known("labels"))?,
            explained: cell("explained").parse().map_err(known("explained"))?,
            precision: cell("precision").parse().map_err(known("precision"))?,
            input: Grid {
                height: side(&batch, &path, "input_height")?,
                width: side(&batch, &path, "input_width")?,
            },
            is_guided: text_cell(&batch, "loss").is_some(),
            best_f1_epoch,
            epochs,
            folder,
            table: batch,
        })
    }

    /// Returns the validation metrics of the epochs that were kept.
    pub fn kept(&self) -> Vec<Candidate> {
        let kept = self.epochs.iter().filter(|row| row.is_kept);
        epochs::candidates(&kept.cloned().collect::<Vec<_>>())
    }

    /// Returns the path of the weights of `epoch`.
    ///
    /// # Errors
    /// An epoch that was not kept, or whose file is gone.
    pub fn checkpoint_file(&self, epoch: i32) -> Result<PathBuf> {
        let file = self.folder.checkpoint_file(epoch);
        let kept = self.epochs.iter().filter(|row| row.is_kept);
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

/// Returns the number of pixels in the column `name` of a table of one row, which is in the file `path`.
fn side(batch: &RecordBatch, path: &Path, name: &str) -> Result<usize> {
    let value = column::<Int32Array>(batch, name).value(0);
    match usize::try_from(value) {
        Ok(side @ 1..) => Ok(side),
        _ => Err(Error::invalid(
            path,
            name,
            value.to_string(),
            "a number above 0",
        )),
    }
}

/// Returns the text in the column `name` of a table of one row; `None` where the cell is null.
fn text_cell(batch: &RecordBatch, name: &str) -> Option<String> {
    let cells = column::<StringArray>(batch, name);
    cells.is_valid(0).then(|| cells.value(0).to_owned())
}

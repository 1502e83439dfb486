//! Saves and loads the state from which an interrupted run is resumed exactly where it stopped: weights,
//! optimizer, the rows of finished epochs, and the position within the current epoch (its steps so far and
//! the sums over them). The order of images, drawn classes and crops are functions of (seed, epoch, image),
//! so they need not be saved. A resumed run reads no other file of the folder, so it does not matter if a
//! program was killed before it had written the others.
//!
//! The two newest states are kept. If the newest is damaged, a warning says so and the run is resumed from
//! the previous one. The result is the same, because it repeats the same steps (on other hardware up to rounding).

use std::path::{Path, PathBuf};
use std::str::FromStr;

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::names::Precision;
use crate::network::Model;
use crate::run::epochs::EpochRow;
use crate::run::folder::RunFolder;
use crate::train::adam::{Adam, WeightDecay};
use crate::weights::checkpoint::{self, Metadata};

/// The position of a run: its finished epochs, and the finished part of the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// Finished epochs, their validation included.
    pub epochs: Vec<EpochRow>,
    /// The finished part of the next epoch.
    pub part: EpochPart,
}

/// Part of an epoch: steps done, and the sums over them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochPart {
    /// Steps done.
    pub steps: usize,
    /// Those of the steps that were left out for a non-finite loss, gradient or map.
    pub skipped: usize,
    /// Sum over steps of the total loss.
    pub total: f64,
    /// Sum over steps of the classification loss.
    pub class: f64,
    /// Sum over annotated images of the localization loss, not multiplied by λ.
    pub localization: f64,
    /// Annotated images so far.
    pub annotated: usize,
    /// Those of the annotated images whose EPG (share of positive attribution inside the mask) is undefined: no
    /// positive attribution, or an empty mask.
    pub undefined: usize,
    /// Seconds that the steps took.
    pub seconds: f64,
}

impl EpochPart {
    /// Returns the number of steps that were not left out; the sums are over these.
    pub fn counted(&self) -> usize {
        self.steps - self.skipped
    }
}

/// The two newest states of a run on disk.
#[derive(Debug)]
pub struct SavedStates {
    /// The file of the newest state.
    newest: PathBuf,
    /// The file of the state saved before it.
    previous: PathBuf,
    /// The run id, the name of the folder.
    run_id: String,
    /// Whether the newest state exists and is undamaged, as far as this program knows.
    is_newest_whole: bool,
}

impl SavedStates {
    /// Returns the states in `folder`, not yet read.
    pub fn of(folder: &RunFolder) -> Self {
        SavedStates {
            newest: folder.resume_file(),
            previous: folder.previous_resume_file(),
            run_id: folder.run_id(),
            is_newest_whole: false,
        }
    }

    /// Returns the number of finished epochs in the state that [`SavedStates::load`] would load; `None`
    /// where no state was saved.
    ///
    /// # Errors
    /// There are states, but none can be read.
    pub fn finished_epochs(&self) -> Result<Option<usize>> {
        let epochs = |file: &Path| {
            let metadata = checkpoint::metadata_with_hash(file)?;
            self.check(file, &metadata)?;
            number(file, &metadata, "epoch")
        };
        Ok(self.first_readable(epochs)?.map(|(epochs, _)| epochs))
    }

    /// Loads the newest undamaged state: its weights into `model`. Returns the optimizer, which is given the weight
    /// decay `decay`, and the position, or `None` where no state was saved. A warning names a damaged state.
    ///
    /// # Errors
    /// There are states, but none is whole and fits this network.
    pub fn load(&mut self, model: &Model, decay: WeightDecay) -> Result<Option<(Adam, Position)>> {
        let found = self.first_readable(|file| self.read(file, model, decay))?;
        let Some(((adam, position, precision), faults)) = found else {
            return Ok(None);
        };
        self.is_newest_whole = faults.is_empty() && self.newest.exists();
        for fault in faults {
            let (previous, epochs) = (self.previous.display(), position.epochs.len());
            say!("warning: {fault}: going on from {previous}, after epoch {epochs}");
        }
        let now = model.precision;
        if precision != now {
            let file = self.newest.display();
            say!(
                "warning: {file}: the steps so far were computed in {precision}, those to come are in {now}"
            );
        }
        Ok(Some((adam, position)))
    }

    /// Reads the state in `file`, and the precision its steps were computed in.
    fn read(
        &self,
        file: &Path,
        model: &Model,
        decay: WeightDecay,
    ) -> Result<(Adam, Position, Precision)> {
        let state = checkpoint::load_with_hash(file)?;
        self.check(file, &state.1)?;
        let found = state.1.get("precision").map_or("nothing", String::as_str);
        let precision = found.parse().map_err(|reason| Error::Unparsed {
            path: file.to_owned(),
            field: "precision".to_owned(),
            reason,
        })?;
        let (adam, position) = load(file, state, model, decay)?;
        Ok((adam, position, precision))
    }

    /// Refuses the state of another run: somebody may have renamed that run's folder to this run's id, for
    /// instance because another version of the program gives other ids.
    fn check(&self, file: &Path, metadata: &Metadata) -> Result<()> {
        match metadata.get("run_id") {
            Some(found) if *found == self.run_id => Ok(()),
            found => {
                let found = found.map_or("nothing", String::as_str);
                Err(Error::invalid(file, "run_id", found, self.run_id.as_str()))
            }
        }
    }

    /// Returns the result of `read` for the newest state that it can read, and the errors for newer
    /// states; `None` where no state was saved.
    fn first_readable<T>(
        &self,
        read: impl Fn(&Path) -> Result<T>,
    ) -> Result<Option<(T, Vec<Error>)>> {
        let mut faults = Vec::new();
        for file in [&self.newest, &self.previous] {
            if file.exists() {
                match read(file) {
                    Ok(found) => return Ok(Some((found, faults))),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        if faults.is_empty() {
            return Ok(None);
        }
        let faults: Vec<String> = faults.iter().map(Error::to_string).collect();
        let faults = faults.join("; ");
        Err(Error::Unresumable { faults })
    }

    /// Saves a state. What was the newest state becomes the previous one, unless it is damaged.
    ///
    /// # Errors
    /// The disk's. If there was an undamaged state before, there still is one.
    pub fn save(
        &mut self,
        model: &Model,
        adam: &Adam,
        epochs: &[EpochRow],
        part: EpochPart,
    ) -> Result<()> {
        if self.is_newest_whole {
            fs_err::rename(&self.newest, &self.previous)?;
        }
        self.is_newest_whole = false;
        save(&self.newest, &self.run_id, model, adam, epochs, part)?;
        self.is_newest_whole = true;
        Ok(())
    }
}

/// Writes a state to `path`: weights, Adam's moments and the rows of epochs as tensors, all else as metadata.
fn save(
    path: &Path,
    run_id: &str,
    model: &Model,
    adam: &Adam,
    epochs: &[EpochRow],
    part: EpochPart,
) -> Result<()> {
    let mut tensors = model.params.named();
    let ([first, second], adam_steps) = adam.state();
    tensors.push(("adam.first".to_owned(), first));
    tensors.push(("adam.second".to_owned(), second));
    let rows: Vec<f64> = epochs.iter().flat_map(EpochRow::to_numbers).collect();
    let size = [epochs.len() as i64, EpochRow::WIDTH as i64];
    let rows = Tensor::f_from_slice(&rows)?.f_view(size)?;
    tensors.push((EPOCHS.to_owned(), rows));
    // Rust prints as many digits as are needed to read back the same number.
    let metadata = [
        ("run_id", run_id.to_owned()),
        ("precision", model.precision.to_string()),
        ("epoch", epochs.len().to_string()),
        ("adam_steps", adam_steps.to_string()),
        ("part.steps", part.steps.to_string()),
        ("part.skipped", part.skipped.to_string()),
        ("part.total", part.total.to_string()),
        ("part.class", part.class.to_string()),
        ("part.localization", part.localization.to_string()),
        ("part.annotated", part.annotated.to_string()),
        ("part.undefined", part.undefined.to_string()),
        ("part.seconds", part.seconds.to_string()),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
    checkpoint::save_with_hash(path, &tensors, &Metadata::from(metadata))
}

/// The name of the tensor with the rows of the finished epochs.
const EPOCHS: &str = "epochs";

/// Loads the weights of a state into `model`; returns its optimizer and position.
fn load(
    path: &Path,
    (tensors, metadata): checkpoint::Loaded,
    model: &Model,
    decay: WeightDecay,
) -> Result<(Adam, Position)> {
    let is_weight = |name: &str| !name.starts_with("adam.") && name != EPOCHS;
    let (weights, others): (Vec<_>, Vec<_>) =
        tensors.into_iter().partition(|(name, _)| is_weight(name));
    model
        .params
        .load(&weights, &[], &path.display().to_string())?;
    let mut adam = Adam::new(model.params.trained(), decay)?;
    let other = |name: &str| {
        let found = others
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, tensor)| tensor.shallow_clone());
        found.ok_or_else(|| Error::invalid(path, name, "nothing", "a tensor"))
    };
    let steps = number(path, &metadata, "adam_steps")?;
    adam.restore(&[other("adam.first")?, other("adam.second")?], steps)?;
    let position = Position {
        epochs: rows(path, &other(EPOCHS)?)?,
        part: EpochPart {
            steps: number(path, &metadata, "part.steps")?,
            skipped: number(path, &metadata, "part.skipped")?,
            total: number(path, &metadata, "part.total")?,
            class: number(path, &metadata, "part.class")?,
            localization: number(path, &metadata, "part.localization")?,
            annotated: number(path, &metadata, "part.annotated")?,
            undefined: number(path, &metadata, "part.undefined")?,
            seconds: number(path, &metadata, "part.seconds")?,
        },
    };
    Ok((adam, position))
}

/// Reads the rows of finished epochs from their tensor (epochs × [`EpochRow::WIDTH`]).
fn rows(path: &Path, tensor: &Tensor) -> Result<Vec<EpochRow>> {
    if tensor.kind() != Kind::Double {
        let found = format!("{:?}", tensor.kind());
        return Err(Error::invalid(path, EPOCHS, found, "64-bit floats"));
    }
    let mut numbers = vec![0f64; tensor.numel()];
    let count = numbers.len();
    tensor.f_copy_data(&mut numbers, count)?;
    let (rows, _) = numbers.as_chunks::<{ EpochRow::WIDTH }>();
    Ok(rows
        .iter()
        .map(|&row| EpochRow::from_numbers(row))
        .collect())
}

/// Reads the number under `key` in the metadata of the file `path`.
fn number<T: FromStr>(path: &Path, metadata: &Metadata, key: &str) -> Result<T> {
    let found = metadata.get(key);
    found
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| Error::invalid(path, key, format!("{found:?}"), "a number"))
}

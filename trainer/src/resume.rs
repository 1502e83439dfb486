//! What a run needs to go on exactly where it stopped: weights, optimizer, and how far it is, down to
//! the step and the sums of the epoch it is in. Order, drawn classes and crops are functions of (seed,
//! epoch, image) and need no saving.

use std::path::Path;
use std::str::FromStr;

use crate::adam::Adam;
use crate::backbone::Model;
use crate::checkpoint::{self, Metadata};
use crate::error::{Error, Result};

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Finished epochs, their validation included.
    pub epoch: i32,
    /// The part of the next one that is done.
    pub part: EpochPart,
}

/// Part of an epoch: steps done, and the sums over them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochPart {
    /// Steps done.
    pub steps: usize,
    /// Sum of the total loss.
    pub total: f64,
    /// Sum of the classification loss.
    pub class: f64,
    /// Sum of the localization loss over annotated images, before λ.
    pub localization: f64,
    /// Annotated images so far.
    pub annotated: usize,
    /// Of these the ones without EPG: nothing positive in the map, or an empty mask.
    pub undefined: usize,
    /// Seconds they took.
    pub seconds: f64,
}

/// Writes `resume.safetensors`.
///
/// # Errors
/// The disk's.
pub fn save(
    path: &Path,
    run_id: &str,
    model: &Model,
    adam: &Adam,
    position: Position,
) -> Result<()> {
    let mut tensors = model.params.named();
    let ([first, second], adam_steps) = adam.state();
    tensors.push(("adam.first".to_owned(), first));
    tensors.push(("adam.second".to_owned(), second));
    let part = position.part;
    // Rust writes as many digits as it takes to read the same number again.
    let metadata = [
        ("run_id", run_id.to_owned()),
        ("epoch", position.epoch.to_string()),
        ("adam_steps", adam_steps.to_string()),
        ("part.steps", part.steps.to_string()),
        ("part.total", part.total.to_string()),
        ("part.class", part.class.to_string()),
        ("part.localization", part.localization.to_string()),
        ("part.annotated", part.annotated.to_string()),
        ("part.undefined", part.undefined.to_string()),
        ("part.seconds", part.seconds.to_string()),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
    checkpoint::save(path, &tensors, &Metadata::from(metadata))
}

/// Reads it into `model` and gives the optimizer, at `learning_rate`, and the position.
///
/// # Errors
/// A file that is not one of [`save`]'s for this network.
pub fn load(path: &Path, model: &Model, learning_rate: f64) -> Result<(Adam, Position)> {
    let (tensors, metadata) = checkpoint::load(path)?;
    let (moments, weights): (Vec<_>, Vec<_>) = tensors
        .into_iter()
        .partition(|(name, _)| name.starts_with("adam."));
    model
        .params
        .load(&weights, &[], &path.display().to_string())?;
    let mut adam = Adam::new(model.params.trained(), learning_rate)?;
    let moment = |name: &str| {
        let found = moments
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, tensor)| tensor.shallow_clone());
        found.ok_or_else(|| Error::invalid(path, name, "nothing", "the optimizer's moments"))
    };
    let steps = number(path, &metadata, "adam_steps")?;
    adam.restore(&[moment("adam.first")?, moment("adam.second")?], steps)?;
    let position = Position {
        epoch: number(path, &metadata, "epoch")?,
        part: EpochPart {
            steps: number(path, &metadata, "part.steps")?,
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

fn number<T: FromStr>(path: &Path, metadata: &Metadata, key: &str) -> Result<T> {
    let found = metadata.get(key);
    found
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| Error::invalid(path, key, format!("{found:?}"), "a number"))
}

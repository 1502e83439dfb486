//! Defines [`RunColumns`]: which run, checkpoint, split, task, attribution method and layer maps are of, as
//! far as the file's metadata or the command line say so.

use std::collections::HashMap;
use std::path::Path;

use data_prep::dataset::{Split, Task};

use crate::error::{Error, Result};

/// What maps are of, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunColumns {
    /// The run.
    pub run_id: Option<String>,
    /// Epoch of the checkpoint.
    pub checkpoint: Option<i32>,
    /// The split explained.
    pub split: Option<Split>,
    /// The task; `None` means the conventional one (classes as annotated, not Waterbirds' backgrounds).
    pub task: Option<Task>,
    /// Attribution method.
    pub attribution: Option<String>,
    /// Layer explained.
    pub layer: Option<String>,
    /// The precision the maps were computed in: f32, tf32, bf16, or another tool's word.
    pub precision: Option<String>,
    /// Images in a forward pass of the program that made the maps; the last bits of the maps depend on it.
    pub batch_size: Option<u32>,
}

impl RunColumns {
    /// Reads them from a file's metadata.
    pub(crate) fn from_metadata(metadata: &HashMap<String, String>, path: &Path) -> Result<Self> {
        let get = |key: &str| metadata.get(key).cloned();
        let parsed = |key: &'static str, found: &str, expected| Error::Metadata {
            path: path.to_owned(),
            key,
            found: found.to_owned(),
            expected,
        };
        let checkpoint = get("checkpoint")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("checkpoint", &text, "an integer"))
            })
            .transpose()?;
        let split = get("split")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("split", &text, "train, val or test"))
            })
            .transpose()?;
        let task = get("task")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("task", &text, "conventional or reversed"))
            })
            .transpose()?;
        let batch_size = get("batch_size")
            .map(|text| {
                text.parse()
                    .map_err(|_| parsed("batch_size", &text, "an integer"))
            })
            .transpose()?;
        Ok(Self {
            run_id: get("run_id"),
            checkpoint,
            split,
            task,
            attribution: get("attribution"),
            layer: get("layer"),
            precision: get("precision"),
            batch_size,
        })
    }

    /// Returns the known ones as metadata.
    pub(crate) fn metadata(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = [
            ("run_id", self.run_id.clone()),
            ("checkpoint", self.checkpoint.map(|epoch| epoch.to_string())),
            ("split", self.split.map(|split| split.to_string())),
            ("task", self.task.map(|task| task.to_string())),
            ("attribution", self.attribution.clone()),
            ("layer", self.layer.clone()),
            ("precision", self.precision.clone()),
            ("batch_size", self.batch_size.map(|size| size.to_string())),
        ];
        pairs
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    }

    /// Returns these values, and those of `other` where these are unknown.
    pub fn or(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            run_id: self.run_id.or(other.run_id),
            checkpoint: self.checkpoint.or(other.checkpoint),
            split: self.split.or(other.split),
            task: self.task.or(other.task),
            attribution: self.attribution.or(other.attribution),
            layer: self.layer.or(other.layer),
            precision: self.precision.or(other.precision),
            batch_size: self.batch_size.or(other.batch_size),
        }
    }
}

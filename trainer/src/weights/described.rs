//! Finds the network that a configuration or a weight file names: a built-in one by its name, or an imported one
//! by its description (graph, head, layers), which is in the metadata of its weight files.

use std::path::{Path, PathBuf};

use data_prep::dataset::Labels;
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::names::Explained;
use crate::network::Backbone;
use crate::network::graph::{description, entry};
use crate::weights::checkpoint::{self, Metadata};

/// The metadata key of a network's name.
const NAME: &str = "backbone";
/// The metadata keys of how many labels an image has, and of what maps explain. Files without them have the paper's:
/// any number, and the logit.
const LABELS: &str = "labels";
const EXPLAINED: &str = "explained";

/// Returns the metadata about its network that a weight file of `backbone` gets.
pub fn metadata(backbone: Backbone) -> Metadata {
    let mut metadata = Metadata::from([(NAME.to_owned(), backbone.to_string())]);
    if let Some(text) = backbone.description {
        metadata.insert(description::KEY.to_owned(), text.to_owned());
    }
    metadata
}

/// Returns the metadata about `labels` and `explained` that a run's weight files get; none for the paper's.
pub fn task_metadata(labels: Labels, explained: Explained) -> Metadata {
    let labels = (labels != Labels::default()).then(|| (LABELS.to_owned(), labels.to_string()));
    let explained =
        (explained != Explained::Logit).then(|| (EXPLAINED.to_owned(), explained.to_string()));
    labels.into_iter().chain(explained).collect()
}

/// Returns how many labels an image has, and what maps explain, by `metadata`, those of `file`.
///
/// # Errors
/// Words that are not known.
pub fn task_of(metadata: &Metadata, file: &Path) -> Result<(Labels, Explained)> {
    let word = |key: &str| metadata.get(key);
    let labels = word(LABELS).map_or(Ok(Labels::default()), |text| {
        text.parse()
            .map_err(|_| Error::invalid(file, LABELS, text.as_str(), "multi or single"))
    })?;
    let explained = word(EXPLAINED).map_or(Ok(Explained::Logit), |text| {
        text.parse()
            .map_err(|reason: String| Error::invalid(file, EXPLAINED, text.as_str(), reason))
    })?;
    Ok((labels, explained))
}

/// Returns the network that `metadata`, those of `file`, name.
///
/// # Errors
/// Metadata without a network, or with one that is unknown or wrongly described.
pub fn of_metadata(metadata: &Metadata, file: &Path) -> Result<Backbone> {
    if let Some(text) = metadata.get(description::KEY) {
        return entry::entry(text, file).map(Backbone::from);
    }
    let expected = "a file that trainer import wrote";
    let Some(name) = metadata.get(NAME) else {
        return Err(Error::invalid(file, NAME, "nothing", expected));
    };
    name.parse()
        .map_err(|reason: String| Error::invalid(file, NAME, reason, expected))
}

/// A network that an option names, and the file where it was found.
#[derive(Clone, Debug)]
pub struct Named {
    /// The network.
    pub backbone: Backbone,
    /// The file that it was imported to; `None` for a built-in network.
    pub file: Option<PathBuf>,
}

impl std::str::FromStr for Named {
    type Err = String;

    /// As [`named_or_file`].
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let backbone = named_or_file(text)?;
        let file = Path::new(text).extension().map(|_| PathBuf::from(text));
        Ok(Named { backbone, file })
    }
}

/// Returns the network that `text` names: a built-in one by its name, or that of a .safetensors file by its path.
///
/// # Errors
/// A message with the names there are, or with what is wrong with the file.
pub fn named_or_file(text: &str) -> std::result::Result<Backbone, String> {
    let path = Path::new(text);
    match path.extension().and_then(|end| end.to_str()) {
        Some("safetensors") => checkpoint::metadata(path)
            .and_then(|metadata| of_metadata(&metadata, path))
            .map_err(|error| error.to_string()),
        Some("pt2") => Err(format!(
            "found '{text}', expected what trainer import makes of it: trainer import {text} --out {}",
            path.with_extension("safetensors").display()
        )),
        _ => text.parse(),
    }
}

/// Deserializes a network from a text as [`named_or_file`] reads it.
///
/// # Errors
/// As [`named_or_file`].
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Backbone, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_file = Path::new(&text).extension().is_some();
    // A plain name is refused in serde's words, as those of the other options are.
    match is_file {
        true => named_or_file(&text).map_err(serde::de::Error::custom),
        false => Backbone::deserialize(serde::de::value::StrDeserializer::new(&text)),
    }
}

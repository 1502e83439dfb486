//! Defines [`NetworkFile`]: a network that a model of a recipe takes from a file (`file = "net.pt2"`) instead of
//! naming one that the trainer has. Also refuses a model that names no network, or whose keys contradict each
//! other about its network.
//!
//! Only the trainer knows what is in the file. Here are the file's path, the network's name, and the options
//! with which the trainer reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::fault::{above_0, first, spelled, wrong};
use super::file::File;
use super::format::Model;
use crate::drive::vocabulary::Trainer;
use crate::system::paths;

/// The file name extension of what `torch.export.save` writes.
const EXPORTED: &str = "pt2";
/// The file name extension of what `trainer import` makes.
const IMPORTED: &str = "safetensors";
/// Which files are accepted, for messages.
const EXPECTED: &str = "a .pt2 that torch.export.save wrote, or a .safetensors that trainer import \
    made of one";

/// A network that is read from a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NetworkFile {
    /// What it is called in place of a name of the trainer's; no two networks of an experiment have the same.
    pub(crate) name: String,
    /// The file, an absolute path.
    pub(crate) file: PathBuf,
    /// How errors name the model: its recipe and its number.
    pub(crate) place: String,
    /// For each layer that the recipe names, the network's module whose output it is.
    layers: BTreeMap<String, String>,
    /// The other options of `trainer import`.
    options: Vec<String>,
}

impl NetworkFile {
    /// The network of a model whose `file` is an absolute path already; None where the model names one of the
    /// trainer's. `place` is how errors name the model.
    pub(super) fn of(model: &Model, place: String) -> Option<Self> {
        let file = model.file.clone()?;
        let name = model.network().to_owned();
        let numbers = |numbers: &[f64; 3]| numbers.map(|number| number.to_string()).join(",");
        // With the value behind `=`, as a mean may begin with a minus.
        let options = [
            Some(format!("--name={name}")),
            model.mean.map(|mean| format!("--mean={}", numbers(&mean))),
            model.std.map(|std| format!("--std={}", numbers(&std))),
            model
                .channels
                .as_ref()
                .map(|channels| format!("--channels={channels}")),
            model.head.as_ref().map(|head| format!("--head={head}")),
            model.bcosified.then(|| "--bcosify".to_owned()),
        ];
        Some(NetworkFile {
            name,
            file,
            place,
            layers: model.layers.clone(),
            options: options.into_iter().flatten().collect(),
        })
    }

    /// Whether the file is one that `trainer import` has made, which is taken as it is.
    pub(crate) fn is_imported(&self) -> bool {
        self.file.extension().is_some_and(|end| end == IMPORTED)
    }

    /// The options with which `trainer import` and `trainer describe` read the file.
    pub(crate) fn options(&self) -> Vec<String> {
        if self.is_imported() {
            return Vec::new();
        }
        let layers = self.layers.iter();
        let layers = layers.map(|(layer, module)| format!("--layer={layer}={module}"));
        self.options.iter().cloned().chain(layers).collect()
    }

    /// The weight file that runs start from and that has the network: the file itself, or what `reproduce`
    /// imports into the folder `out`.
    pub(crate) fn weights(&self, out: &Path) -> PathBuf {
        match self.is_imported() {
            true => self.file.clone(),
            false => out
                .join("networks")
                .join(format!("{}.{IMPORTED}", self.name)),
        }
    }

    /// Whether both are the same file, read with the same options under the same name. The file may be named by
    /// different paths.
    pub(super) fn is_same(&self, other: &NetworkFile) -> bool {
        let is_same_file = self.file == other.file || paths::are_same(&self.file, &other.file);
        let is_read_alike = self.options == other.options && self.layers == other.layers;
        is_same_file && is_read_alike && self.name == other.name
    }

    /// Fails where the file is missing.
    pub(crate) fn check_there(&self) -> Result<()> {
        if !self.file.is_file() {
            bail!(
                "{}: file: found no file {}, expected {EXPECTED}\n\
                 hint: a relative path is taken from the recipe's folder, else from the working directory",
                self.place,
                paths::shown(&self.file)
            );
        }
        Ok(())
    }

    /// The fault of a name that one of the trainer's networks has already, or of a layer that the trainer does not
    /// know.
    pub(crate) fn unknown(&self, trainer: &Trainer) -> Option<String> {
        let taken = trainer.network(&self.name).and_then(|_| {
            let found = format!("{:?}, a network of the trainer", self.name);
            wrong("name", found, "another name than the trainer's")
        });
        let mut layers = self.layers.keys();
        taken.or_else(|| layers.find_map(|layer| spelled("layers", layer, &trainer.layers)))
    }
}

impl Model {
    /// The network's name: `backbone`, or for one from a file `name`, else the file's name without its ending.
    pub(super) fn network(&self) -> &str {
        let stem = || self.file.as_deref()?.file_stem()?.to_str();
        let named = self.backbone.as_deref().or(self.name.as_deref());
        named.or_else(stem).unwrap_or_default()
    }

    /// The key that the network's name is from.
    pub(super) fn network_key(&self) -> &'static str {
        match (&self.file, &self.name) {
            (None, _) => "backbone",
            (Some(_), None) => "file",
            (Some(_), Some(_)) => "name",
        }
    }

    /// The first fault of the keys that say which network it is.
    pub(super) fn network_fault(&self, field: &str) -> Option<String> {
        match &self.file {
            None => self.listed_fault(field),
            Some(file) => self.file_fault(field, file),
        }
    }

    /// The fault of a network of the trainer's.
    fn listed_fault(&self, field: &str) -> Option<String> {
        let missing = |key: &str, is_there: bool, expected: &str| match is_there {
            true => None,
            false => wrong(&format!("{field}: {key}"), "nothing", expected),
        };
        let network = "the name of a network, or file, which names one of your own";
        let named = self.name.is_some().then_some("name");
        let alone = named.or_else(|| self.import_key());
        first([
            missing("backbone", self.backbone.is_some(), network),
            alone.and_then(|key| {
                let expected = "it for a network from a file alone";
                wrong(&format!("{field}: {key}"), "it without file", expected)
            }),
            missing("init", self.init.is_some(), "scratch or imagenet"),
        ])
    }

    /// The fault of a network from `file`.
    fn file_fault(&self, field: &str, file: &Path) -> Option<String> {
        let key = |name: &str| format!("{field}: {name}");
        let beside = |name: &str, is_there: bool, expected: &str| match is_there {
            true => wrong(&key(name), "it beside file", expected),
            false => None,
        };
        let weights = "none: a network from a file starts from the file's weights";
        let end = file.extension().and_then(|end| end.to_str());
        let is_known = end.is_some_and(|end| [EXPORTED, IMPORTED].contains(&end));
        let imported = self.import_key().filter(|_| end == Some(IMPORTED));
        let numbers = |name: &str, numbers: Option<[f64; 3]>, fault: Fault| {
            let mut numbers = numbers.into_iter().flatten();
            numbers.find_map(|number| fault(&key(name), number))
        };
        first([
            beside("backbone", self.backbone.is_some(), "one of both"),
            beside("init", self.init.is_some(), weights),
            match is_known {
                true => None,
                false => wrong(&key("file"), format!("{:?}", file.display()), EXPECTED),
            },
            self.name_fault(field),
            imported.and_then(|name| {
                let expected = "none: what trainer import was told is in the file";
                wrong(&key(name), "it beside a .safetensors", expected)
            }),
            numbers("mean", self.mean, finite),
            numbers("std", self.std, above_0),
        ])
    }

    /// The fault of a name that cannot be that of a file.
    fn name_fault(&self, field: &str) -> Option<String> {
        let name = self.network();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_part) {
            return None;
        }
        let letters = "letters, digits, `.`, `_` and `-`, the first a letter or digit";
        let field = format!("{field}: {}", self.network_key());
        match self.name {
            Some(_) => wrong(&field, format!("{name:?}"), letters),
            None => wrong(
                &field,
                format!("{name:?} as the network's name"),
                format!("{letters}, or another name (name = \"…\")"),
            ),
        }
    }

    /// The first key that `trainer import` needs to know.
    fn import_key(&self) -> Option<&'static str> {
        let keys = [
            ("mean", self.mean.is_some()),
            ("std", self.std.is_some()),
            ("channels", self.channels.is_some()),
            ("head", self.head.is_some()),
            ("layers", !self.layers.is_empty()),
            ("bcosified", self.bcosified),
        ];
        let mut keys = keys.into_iter();
        keys.find_map(|(key, is_there)| is_there.then_some(key))
    }
}

/// A check of a number: from the field's name and the number to the fault, if it is one.
type Fault = fn(&str, f64) -> Option<String>;

/// The fault of a number that is not finite.
fn finite(field: &str, value: f64) -> Option<String> {
    match value.is_finite() {
        true => None,
        false => wrong(field, value, "a finite number"),
    }
}

/// Returns `file` as an absolute path. A relative one is taken from `folder`, the recipe's, if there is such a
/// file, else from the working directory.
pub(super) fn located(folder: &Path, file: &Path) -> Result<PathBuf> {
    let beside = folder.join(file);
    let found = if beside.is_file() { &beside } else { file };
    std::path::absolute(found).with_context(|| format!("file: {}", file.display()))
}

/// Makes the paths of networks' files in a recipe's `table` absolute where `folder`, the recipe's, has the file.
/// Other paths stay as they are. So a recipe that extends this one finds the files, too.
pub(super) fn anchor(table: &mut Table, folder: &Path) {
    for file in files_of(table) {
        let beside = folder.join(&*file);
        let beside = std::path::absolute(&beside)
            .ok()
            .filter(|_| beside.is_file());
        if let Some(path) = beside.as_deref().and_then(Path::to_str) {
            *file = path.to_owned();
        }
    }
}

/// Returns the recipe with absolute paths of its networks' files, so that it may be read from anywhere; one that
/// has none as it is.
///
/// # Errors
/// A path that is not UTF-8.
pub(crate) fn with_located_networks(recipe: &File) -> Result<File> {
    let Ok(mut table) = recipe.text.parse::<Table>() else {
        return Ok(recipe.clone()); // its reader says why
    };
    let mut n_files = 0;
    for file in files_of(&mut table) {
        let path = located(recipe.folder(), Path::new(file))?;
        let text = path.to_str();
        *file = text
            .with_context(|| format!("{}: expected a path in UTF-8", path.display()))?
            .to_owned();
        n_files += 1;
    }
    match n_files {
        0 => Ok(recipe.clone()),
        _ => Ok(recipe.with_text(toml::to_string(&table)?)),
    }
}

/// The files that the models of a recipe name.
fn files_of(table: &mut Table) -> impl Iterator<Item = &mut String> {
    let models = table.get_mut("model").and_then(Value::as_array_mut);
    let files = models
        .into_iter()
        .flatten()
        .filter_map(|model| model.as_table_mut()?.get_mut("file"));
    files.filter_map(|file| match file {
        Value::String(file) => Some(file),
        _ => None,
    })
}

//! Reads a recipe file (TOML), which is one recipe or a collection that includes several, checks it, and expands
//! it into an `Experiment`, the list of all its training runs. A vocabulary is the list of names (networks,
//! losses, …) that the programs of the pipeline know; without one, names are not checked.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use fs_err as fs;
use toml::{Table, Value};

use super::experiment::Experiment;
use super::extends;
use super::file::File;
use super::folder::{find, find_included};
use super::format::{Collection, Recipe, With};
use super::network;
use crate::drive::vocabulary::Vocabulary;
use crate::system::paths;

/// Reads `recipes/<name>.toml` under `root`, or the file `name` when it ends in `.toml`, and the recipes that
/// it includes; each with the recipes that it extends. A collection's text then names the recipes that it includes as
/// their files are called, so that copies of all of them may lie in one folder.
///
/// # Errors
/// When there is no such file, a recipe that is extended cannot be, or a recipe has the name of the collection.
pub(crate) fn files(root: &Path, name: &str) -> Result<Vec<File>> {
    let path = find(root, Path::new(""), name).map_err(|fault| anyhow!("--recipe: {fault:#}"))?;
    let (shown, text) = (paths::shown(&path), fs::read_to_string(&path)?);
    let file = File::new(path, text);
    let folder = file.folder().to_owned();
    let mut files = vec![extends::resolved(root, file)?];
    if is_collection(&files[0].text) {
        let collection: Collection = files[0].parse(&shown)?;
        let mut names = Vec::new();
        for name in &collection.include {
            let path = find_included(root, &folder, name);
            let path = path.map_err(|fault| anyhow!("{shown}: include: {fault:#}"))?;
            let text = fs::read_to_string(&path).map_err(Into::into);
            let file = text.and_then(|text| extends::resolved(root, File::new(path, text)));
            let file = file.with_context(|| format!("{shown}: include {name:?}"))?;
            if file.name() == files[0].name() {
                bail!(
                    "{shown}: include: found {name:?}, which is called as the collection, expected another name"
                );
            }
            names.push(file.name());
            files.push(file);
        }
        if names != collection.include {
            files[0] = including(&files[0], names)?;
        }
    }
    Ok(files)
}

/// The collection in `file` with these names of the recipes that it includes.
fn including(file: &File, names: Vec<String>) -> Result<File> {
    let mut table: Table = file.text.parse()?;
    table.insert("include".to_owned(), Value::from(names));
    Ok(file.with_text(toml::to_string(&table)?))
}

/// Reads a recipe's files and expands them: [`files`], then [`expand`].
///
/// # Errors
/// When there is no such file, or the recipe is invalid.
pub(crate) fn read(root: &Path, name: &str, vocabulary: Option<&Vocabulary>) -> Result<Experiment> {
    expand(files(root, name)?, vocabulary)
}

/// Expands the recipe in `file`, whose text need not be on disk. The recipes that it extends are read.
///
/// # Errors
/// When the recipe is invalid.
pub(crate) fn draft(
    root: &Path,
    file: File,
    vocabulary: Option<&Vocabulary>,
) -> Result<Experiment> {
    expand(vec![extends::resolved(root, file)?], vocabulary)
}

/// Expands a recipe: the first of `files`; a collection includes the others. Names are checked if
/// `vocabulary` is given.
///
/// # Errors
/// When the recipe is invalid.
pub(crate) fn expand(files: Vec<File>, vocabulary: Option<&Vocabulary>) -> Result<Experiment> {
    let (file, others) = files.split_first().context("a recipe has a file")?;
    let (shown, label) = (paths::shown(&file.path), file.name());
    if !is_collection(&file.text) {
        let recipe = read_one(file, vocabulary)?;
        return Ok(Experiment {
            name: label,
            ..Experiment::of(&[&recipe], files)
        });
    }
    let collection: Collection = file.parse(&shown)?;
    let unknown = || collection.unknown(vocabulary?);
    if let Some(fault) = collection.fault().or_else(unknown) {
        bail!("{shown}: {fault}");
    }
    let mut recipes = Vec::new();
    for (name, part) in collection.include.iter().zip(others) {
        let recipe =
            read_one(part, vocabulary).with_context(|| format!("{shown}: include {name:?}"))?;
        let recipe = collection.with.applied_to(recipe);
        // With the collection's number of epochs, the warm-up may be as long as the training.
        if let Some(fault) = recipe.fault() {
            bail!("{shown}: include {name:?}: {fault}");
        }
        recipes.push(recipe);
    }
    let experiment = Experiment::of(&recipes.iter().collect::<Vec<_>>(), files);
    // Each data set has one folder of prepared data.
    for (index, data) in experiment.data.iter().enumerate() {
        let mut others = experiment.data[..index].iter();
        if others.any(|other| other.name() == data.name()) {
            let name = data.name();
            bail!("{shown}: include: found {name} in two sizes, expected one");
        }
    }
    // A network's name stands for one file in all of them.
    for (index, network) in experiment.networks.iter().enumerate() {
        let mut others = experiment.networks[..index].iter();
        if others.any(|other| other.name == network.name) {
            let name = &network.name;
            bail!("{shown}: include: found two networks called {name:?}, expected one");
        }
    }
    Ok(Experiment {
        name: label,
        about: collection.about,
        show: collection.show,
        evaluation: collection.evaluation,
        slurm: collection.slurm,
        ..experiment
    })
}

/// Whether the text is that of a collection. Text that is not TOML is none; reading it as a recipe then fails
/// with the reason.
fn is_collection(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("include"))
}

/// Reads and checks one recipe.
fn read_one(file: &File, vocabulary: Option<&Vocabulary>) -> Result<Recipe> {
    let shown = paths::shown(&file.path);
    let mut recipe: Recipe = file.parse(&shown)?;
    if let Some(fault) = recipe.fault().or_else(|| recipe.unknown(vocabulary?)) {
        bail!("{}: {fault}", file.blamed(&shown, &fault));
    }
    recipe.models_in = file.blamed(&shown, "model").to_owned();
    for model in &mut recipe.model {
        if let Some(path) = &mut model.file {
            *path = network::located(file.folder(), path)?;
        }
    }
    Ok(recipe)
}

impl With {
    /// The recipe with these values, which also replace those of its models and grids.
    fn applied_to(&self, mut recipe: Recipe) -> Recipe {
        recipe.data.size = self.size.unwrap_or(recipe.data.size);
        if let Some(limit) = &self.limit {
            recipe.data.limit = limit.clone();
        }
        let (baseline, guided) = (&mut recipe.baseline, &mut recipe.guided);
        if let Some(epochs) = self.epochs {
            (baseline.epochs, guided.epochs) = (epochs, epochs);
            for grid in &mut guided.grid {
                grid.epochs = None;
            }
        }
        if let Some(batch_size) = self.batch_size {
            (baseline.batch_size, guided.batch_size) = (batch_size, batch_size);
            for grid in &mut guided.grid {
                grid.batch_size = None;
            }
        }
        for model in &mut recipe.model {
            // A network from a file starts from the file's weights alone.
            model.init = model.init.map(|own| self.init.unwrap_or(own));
            for change in [&mut model.baseline, &mut model.guided] {
                change.epochs = change.epochs.filter(|_| self.epochs.is_none());
                change.batch_size = change.batch_size.filter(|_| self.batch_size.is_none());
            }
        }
        recipe
    }
}

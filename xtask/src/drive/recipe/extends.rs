//! Lays a recipe over the one that it extends (`extends = "own"`), and that over the one it extends in turn.
//! Tables are merged key by key; any other value, lists included, replaces the inherited one.
//!
//! The result is the text of a recipe that stands alone: it is what runs, and what is kept beside the results.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use fs_err as fs;
use toml::{Table, Value};

use super::data::OWN_KEYS;
use super::file::{File, Layer};
use super::folder::find;
use super::network;
use crate::system::paths;

/// The key with the recipe to inherit from: a name from `recipes/`, or a file, relative to the recipe's own.
const EXTENDS: &str = "extends";

/// Returns `file` with all that it inherits; a recipe that extends none as it is. Recipes are looked for by
/// name in `recipes/` under `root`.
///
/// # Errors
/// When a recipe to inherit from is missing, broken or a collection, or extends itself.
pub(super) fn resolved(root: &Path, file: File) -> Result<File> {
    // A text that is no TOML is refused by the reader, which says where.
    let own = file.text.parse::<Table>();
    if !own.is_ok_and(|table| table.contains_key(EXTENDS)) {
        return Ok(file);
    }
    let mut chain = Chain {
        root,
        paths: Vec::new(),
        layers: Vec::new(),
    };
    let shown = paths::shown(&file.path);
    let path = file.path.clone();
    let table = chain.inherited(file, shown)?;
    Ok(File::extending(
        path,
        toml::to_string(&table)?,
        chain.layers,
    ))
}

/// The recipes read so far, each extended by the one before it.
struct Chain<'a> {
    root: &'a Path,
    paths: Vec<PathBuf>,
    layers: Vec<Layer>,
}

impl Chain<'_> {
    /// Returns what a recipe says with all that it inherits; `shown` is how errors name it.
    fn inherited(&mut self, file: File, shown: String) -> Result<Table> {
        let mut own: Table = file.parse(&shown)?;
        if own.contains_key("include") {
            bail!(
                "{shown}: include: found a collection, expected a single recipe, as no collection \
                 extends a recipe or is extended"
            );
        }
        let folder = file.folder().to_owned();
        network::anchor(&mut own, &folder);
        // A recipe that is only about to be written has no path yet by which another could extend it.
        self.paths.extend(fs::canonicalize(&file.path).ok());
        self.layers.push(Layer {
            shown: shown.clone(),
            text: file.text,
        });
        let name = match own.remove(EXTENDS) {
            None => return Ok(own),
            Some(Value::String(name)) => name,
            Some(other) => {
                bail!("{shown}: {EXTENDS}: found {other}, expected a recipe's name or .toml file")
            }
        };
        let path = find(self.root, &folder, &name);
        let path = path.map_err(|fault| anyhow!("{shown}: {EXTENDS}: {fault:#}"))?;
        if self.paths.contains(&fs::canonicalize(&path)?) {
            bail!(
                "{shown}: {EXTENDS}: found {name:?}, which extends this recipe itself, expected another"
            );
        }
        let shown = format!("{shown}: {EXTENDS} {name:?}: {}", paths::shown(&path));
        let text = fs::read_to_string(&path)?;
        let mut below = self.inherited(File::new(path, text), shown)?;
        choose_data(&mut below, &own);
        lay(own, &mut below);
        Ok(below)
    }
}

/// Takes out what is inherited for data of the other kind: own data has no `dataset`, and a published data set
/// none of the keys for own data, nor `[fit]`, the limits of what a recipe for own data may cost.
fn choose_data(below: &mut Table, own: &Table) {
    let Some(Value::Table(own)) = own.get("data") else {
        return;
    };
    let is_published = own.contains_key("dataset");
    let is_own = OWN_KEYS.iter().any(|key| own.contains_key(*key));
    if let Some(Value::Table(data)) = below.get_mut("data") {
        match (is_published, is_own) {
            (true, _) => data.retain(|key, _| !OWN_KEYS.contains(&key)),
            (false, true) => drop(data.remove("dataset")),
            (false, false) => {}
        }
    }
    if is_published {
        below.remove("fit");
    }
}

/// Lays the values of `over` over those of `below`.
fn lay(over: Table, below: &mut Table) {
    for (key, value) in over {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(over)) => lay(over, below),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

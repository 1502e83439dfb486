//! Defines [`File`]: a recipe as text, before it is parsed. A recipe may extend another (`extends = "own"`): it
//! inherits what it does not set. Its text is then put together from several files, called layers, and an error
//! must name the one that the faulty value is from.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of a recipe file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct File {
    /// Where it was read.
    pub(crate) path: PathBuf,
    /// Its TOML text; where the recipe extends others, with all that it inherits.
    pub(crate) text: String,
    /// The files that a recipe with `extends` is put together from, its own first; else empty.
    layers: Vec<Layer>,
}

/// One of the files that a recipe is put together from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// How errors name it: with the files that lead to it.
    pub(super) shown: String,
    /// Its text, as it was read.
    pub(super) text: String,
}

/// A step from a value of TOML to one in it.
enum Step {
    Key(String),
    Index(usize),
}

impl File {
    /// A recipe that stands alone.
    pub(crate) fn new(path: PathBuf, text: String) -> Self {
        let layers = Vec::new();
        File { path, text, layers }
    }

    /// The same recipe with another text, whose values are from the same files.
    pub(crate) fn with_text(&self, text: String) -> Self {
        File {
            text,
            ..self.clone()
        }
    }

    /// What it is called: its file, without the ending.
    pub(super) fn name(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// A recipe whose `text` was put together from `layers`.
    pub(super) fn extending(path: PathBuf, text: String, layers: Vec<Layer>) -> Self {
        File { path, text, layers }
    }

    /// Parses it; an error names the file, which is `shown`, and the line.
    pub(super) fn parse<T: DeserializeOwned>(&self, shown: &str) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let place = self.place(shown, &error);
            let message = match error.message() {
                // A key of former versions of recipes.
                said if said.starts_with("unknown field `area_exponent`") => {
                    "area_exponent: found a key of its own, expected it as the loss's option: \
                     loss = [{ name = \"energy_area\", exponent = 0.5 }]"
                        .to_owned()
                }
                said => said.replace('\n', ", "),
            };
            anyhow!("{place}: {message}")
        })
    }

    /// Returns how errors name the file that the faulty value is from; `own` is how they name this file. `fault`
    /// is an error message that begins with its field, such as `data.size: ` or `guided.grid 2: lambda: `.
    pub(super) fn blamed<'a>(&'a self, own: &'a str, fault: &str) -> &'a str {
        let field = fault.split([':', ' ']).next().unwrap_or_default();
        let keys = field.split('.').map(str::to_owned);
        let steps: Vec<Step> = keys.map(Step::Key).collect();
        self.layer_of(&steps).map_or(own, |layer| &layer.shown)
    }

    /// Names the file and the line that a parser's error is about, `own` being how errors name this file.
    fn place(&self, own: &str, error: &toml::de::Error) -> String {
        let line = |text: &str, at: usize| text[..at].matches('\n').count() + 1;
        let span = error.span().unwrap_or_default();
        if self.layers.is_empty() {
            return format!("{own}: line {}", line(&self.text, span.start));
        }
        let steps = parsed(&self.text, |table| steps_to(table, &span));
        let steps = steps.unwrap_or_default();
        let Some(layer) = self.layer_of(&steps) else {
            return own.to_owned();
        };
        let mut depths = (1..=steps.len()).rev();
        match depths.find_map(|depth| position(&layer.text, &steps[..depth])) {
            Some(at) => format!("{}: line {}", layer.shown, line(&layer.text, at)),
            None => layer.shown.clone(),
        }
    }

    /// The layer that a value is from: the first that has it, as the first lies over the others. Where none
    /// has it, the first that has the table in which it belongs.
    fn layer_of(&self, steps: &[Step]) -> Option<&Layer> {
        // The elements of a list are all from one file.
        let keys = steps.iter().take_while(|step| matches!(step, Step::Key(_)));
        let keys = &steps[..keys.count()];
        let has = |layer: &&Layer, depth| position(&layer.text, &keys[..depth]).is_some();
        let mut depths = (1..=keys.len()).rev();
        let found = depths.find_map(|depth| self.layers.iter().find(|layer| has(layer, depth)));
        found.or(self.layers.first())
    }
}

/// The result of `look` for a text's table; None where the text is not TOML.
fn parsed<T>(text: &str, look: impl FnOnce(&DeTable) -> Option<T>) -> Option<T> {
    DeTable::parse(text)
        .ok()
        .and_then(|table| look(table.get_ref()))
}

/// The steps to the innermost value that contains the byte range `wanted`, itself or by its key; None where none
/// does.
fn steps_to(table: &DeTable, wanted: &Range<usize>) -> Option<Vec<Step>> {
    table.iter().find_map(|(key, value)| {
        let is_key = covers(&key.span(), wanted);
        let mut steps = steps_into(value, wanted).or(is_key.then(Vec::new))?;
        steps.insert(0, Step::Key(key.get_ref().to_string()));
        Some(steps)
    })
}

/// The steps from `value` to the innermost value in it that contains `wanted`: an empty list for `value` itself,
/// None where it does not contain it.
fn steps_into(value: &Spanned<DeValue>, wanted: &Range<usize>) -> Option<Vec<Step>> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => steps_to(table, wanted),
        DeValue::Array(values) => values.iter().enumerate().find_map(|(index, value)| {
            let mut steps = steps_into(value, wanted)?;
            steps.insert(0, Step::Index(index));
            Some(steps)
        }),
        _ => None,
    };
    inner.or_else(|| covers(&value.span(), wanted).then(Vec::new))
}

/// Whether the range `inner` is not empty and lies within `outer`.
fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    !inner.is_empty() && outer.start <= inner.start && inner.end <= outer.end
}

/// The byte position in `text` of the value to which the steps lead; None where there is no such value.
fn position(text: &str, steps: &[Step]) -> Option<usize> {
    parsed(text, |table| {
        let (Step::Key(first), others) = steps.split_first()? else {
            return None;
        };
        let mut value = table.get(first.as_str())?;
        for step in others {
            value = match (value.get_ref(), step) {
                (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str())?,
                (DeValue::Array(values), Step::Index(index)) => values.get(*index)?,
                _ => return None,
            };
        }
        Some(value.span().start)
    })
}

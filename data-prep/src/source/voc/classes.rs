//! Decides the class list of a data set in VOC's format, and the colours of the classes in its segmentation images.
//!
//! The class list is the data set's own list file, where there is one; else PASCAL VOC's twenty classes, where the data
//! may be VOC's and has no others; else the class names in the annotations, in alphabetical order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::published::CLASSES;
use super::text;
use crate::error::{Error, Problem, Result, quoted};

/// The files that may list the classes, in the order in which they are looked for.
const LISTS: [&str; 4] = ["classes.txt", LABELMAP, "labels.txt", "obj.names"];
/// CVAT's list of classes and colours, with lines `name:r,g,b:parts:actions`. CVAT is a tool for annotating images.
const LABELMAP: &str = "labelmap.txt";
/// CVAT's name for pixels that belong to no class.
const BACKGROUND: &str = "background";

/// Where the class list comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The file of this name.
    File(&'static str),
    /// PASCAL VOC's twenty classes.
    Voc,
    /// The class names in the annotations.
    Found,
}

/// The classes of a data set.
#[derive(Debug)]
pub(super) struct Classes {
    /// The names; the index is the class id.
    pub(super) names: Vec<String>,
    /// The class id for each colour of `labelmap.txt`; `None` for the background's colour.
    pub(super) colours: HashMap<[u8; 3], Option<i32>>,
    ids: HashMap<String, i32>,
    origin: Origin,
}

impl Classes {
    /// Decides the classes of the data set in `folder`. `found` are the class names in its annotations. With
    /// `perhaps_voc` VOC's twenty classes are taken if all names found are among them.
    ///
    /// # Errors
    /// When a list file has a class twice or cannot be read, or when there is neither a list file nor a class name.
    pub(super) fn decide(folder: &Path, found: &BTreeSet<&str>, perhaps_voc: bool) -> Result<Self> {
        let (names, origin) = if let Some((file, names)) = listed(folder)? {
            (names, Origin::File(file))
        } else if perhaps_voc && found.iter().all(|name| CLASSES.contains(name)) {
            (CLASSES.map(str::to_owned).to_vec(), Origin::Voc)
        } else if found.is_empty() {
            let expected = "an object with a name in one of the XML files, or classes.txt";
            return Err(Error::layout(folder, "classes", "none", expected));
        } else {
            let names = found.iter().map(|name| (*name).to_owned());
            (names.collect(), Origin::Found)
        };
        let ids: HashMap<String, i32> = names.iter().cloned().zip(0..).collect();
        let painted = labelmap(folder)?.into_iter();
        let colours = painted.filter_map(|(name, colour)| match ids.get(&name) {
            Some(id) => Some((colour?, Some(*id))),
            None => (name == BACKGROUND).then_some((colour?, None)),
        });
        Ok(Self {
            colours: colours.collect(),
            names,
            ids,
            origin,
        })
    }

    /// Returns the id of a class.
    ///
    /// # Errors
    /// When it is none of the classes. The error is the second half of a message, what was expected.
    pub(super) fn id(&self, name: &str) -> Result<i32, String> {
        let expected = || format!("one of {}", quoted(&self.names.join(", ")));
        self.ids.get(name).copied().ok_or_else(expected)
    }

    /// Returns notes on where the classes come from, and on names that may be one class written in two ways.
    pub(super) fn notes(&self) -> Vec<String> {
        let count = self.names.len();
        let mut notes = vec![match self.origin {
            Origin::File(file) => format!("classes: {count} of {file}"),
            Origin::Voc => "classes: PASCAL VOC's 20".to_owned(),
            Origin::Found => {
                let names = quoted(&self.names.join(", "));
                format!("classes: {count} found in the annotations: {names}")
            }
        }];
        let mut spellings: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in &self.names {
            let words: Vec<&str> = name.split_whitespace().collect();
            let key = words.join(" ").to_lowercase();
            spellings.entry(key).or_default().push(name);
        }
        let several = spellings.values().filter(|names| names.len() > 1);
        let several: Vec<String> = several.map(|names| names.join(" and ")).collect();
        if !several.is_empty() {
            let names = quoted(&several.join(", "));
            notes.push(format!(
                "these classes differ only in case or spaces and are kept apart: {names}"
            ));
        }
        notes
    }
}

/// Returns the classes of the first file of [`LISTS`] that is in `folder` and has any, with the file's name.
fn listed(folder: &Path) -> Result<Option<(&'static str, Vec<String>)>> {
    for file in LISTS {
        let path = folder.join(file);
        let Some(lines) = text::lines(&path)? else {
            continue;
        };
        let mut names: Vec<String> = Vec::with_capacity(lines.len());
        let mut seen: HashSet<String> = HashSet::new();
        for (number, line) in lines {
            let name = match file {
                LABELMAP => match painted(&line) {
                    Some((name, _)) if name != BACKGROUND => name,
                    _ => continue,
                },
                _ => line,
            };
            if !seen.insert(name.clone()) {
                let field = format!("line {number}");
                let found = format!("the class {name} a second time");
                return Err(Problem::new(path, field, found, "each class once").into());
            }
            names.push(name);
        }
        if !names.is_empty() {
            return Ok(Some((file, names)));
        }
    }
    Ok(None)
}

/// Returns the classes of `labelmap.txt` with their colours; none where there is no such file.
fn labelmap(folder: &Path) -> Result<Vec<(String, Option<[u8; 3]>)>> {
    let lines = text::lines(&folder.join(LABELMAP))?.unwrap_or_default();
    Ok(lines.iter().filter_map(|(_, line)| painted(line)).collect())
}

/// Reads name and colour of a line `name:r,g,b:parts:actions`; `None` for a comment. The colour may be missing, and the
/// name may contain colons.
fn painted(line: &str) -> Option<(String, Option<[u8; 3]>)> {
    if line.starts_with('#') {
        return None;
    }
    let fields: Vec<&str> = line.split(':').collect();
    let colour = (1..fields.len()).find_map(|index| Some((index, rgb(fields[index])?)));
    let name = match colour {
        Some((index, _)) => fields[..index].join(":"),
        None => line.trim_end_matches(':').to_owned(),
    };
    let name = name.trim().to_owned();
    (!name.is_empty()).then_some((name, colour.map(|(_, colour)| colour)))
}

fn rgb(text: &str) -> Option<[u8; 3]> {
    let channels: Option<Vec<u8>> = text
        .split(',')
        .map(|value| value.trim().parse().ok())
        .collect();
    channels?.try_into().ok()
}

//! Finds files of a crate that import each other in a circle (import cycles).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::modules::Module;

/// Returns a text for each circle of files that import each other, directly or through others. It has a line
/// "file → file (imported name)" for each import between files of the circle.
pub fn of(modules: &[Module]) -> Vec<String> {
    // For each file the files that it imports from, each with one imported name as an example.
    let mut arrows: BTreeMap<&Path, BTreeMap<PathBuf, String>> = BTreeMap::new();
    for module in modules {
        let from = arrows.entry(&module.file).or_default();
        for import in module.imports(modules) {
            if import.file != module.file {
                from.entry(import.file).or_insert(import.name);
            }
        }
    }
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = arrows
        .keys()
        .map(|file| (*file, reach(&arrows, file)))
        .collect();
    // Two files are in the same circle if each can be reached from the other.
    let mut circles = BTreeSet::new();
    for file in arrows.keys() {
        let together: BTreeSet<&Path> = reached[file]
            .iter()
            .copied()
            .filter(|other| reached[other].contains(file))
            .collect();
        if together.len() > 1 {
            circles.insert(together);
        }
    }
    let line = |circle: &BTreeSet<&Path>| {
        let inner = circle.iter().flat_map(|file| {
            let to = arrows[file].iter();
            to.filter(|(to, _)| circle.contains(to.as_path()))
                .map(|(to, name)| format!("  {} → {} ({name})", file.display(), to.display()))
        });
        inner.collect::<Vec<_>>().join("\n")
    };
    circles.iter().map(line).collect()
}

/// Returns the files that can be reached from `start` by one or more imports.
fn reach<'a>(
    arrows: &'a BTreeMap<&Path, BTreeMap<PathBuf, String>>,
    start: &Path,
) -> BTreeSet<&'a Path> {
    let mut reached: BTreeSet<&Path> = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for to in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}

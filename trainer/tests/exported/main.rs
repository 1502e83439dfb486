//! What is read of small networks, and that no file makes the reader fail in another way than with an error.
//! `tests/python/export_fixtures.py` writes the files.

#![allow(clippy::unwrap_used)]

mod hostile;
mod layers;
mod networks;
mod refused;
#[path = "../../../tests/fuzz/src/archive.rs"]
mod stored;

use std::path::Path;

use trainer::network::graph::layers::find::Layers;
use trainer::network::graph::layers::head::head;
use trainer::network::graph::problem::Problem;
use trainer::network::graph::program::Graph;
use trainer::weights::exported::lower::lower;
use trainer::weights::exported::read::read;
use trainer::weights::zip_directory;

/// The bytes of a file that the tests read.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exported");
    fs_err::read(folder.join(name)).unwrap()
}

/// The entries of a zip archive.
fn entries(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let entries = zip_directory::read(file).expect("the fixture is a whole archive");
    let owned = entries.into_iter();
    owned
        .map(|entry| (entry.name, entry.bytes.to_vec()))
        .collect()
}

/// Writes a zip archive of stored entries.
fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let entries = entries.iter();
    stored::stored(entries.map(|(name, bytes)| (name.as_str(), &bytes[..])))
}

/// The fixture with one entry changed.
fn edited(name: &str, entry: &str, edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut entries = entries(&fixture(name));
    let found = entries.iter_mut().find(|(name, _)| name.ends_with(entry));
    let (_, bytes) = found.unwrap_or_else(|| panic!("{name} has an entry {entry}"));
    *bytes = edit(std::mem::take(bytes));
    archive(&entries)
}

/// The fixture with some text of an entry replaced.
fn replaced(name: &str, entry: &str, old: &str, new: &str) -> Vec<u8> {
    edited(name, entry, |bytes| {
        let text = String::from_utf8(bytes).expect("the entry is text");
        assert!(text.contains(old), "{entry} has {old}");
        text.replacen(old, new, 1).into_bytes()
    })
}

/// Does all that can be done with a file, and returns the lowered graph.
fn all(file: &[u8]) -> Result<Graph, Problem> {
    let exported = read(file)?;
    for view in exported.tensors.values() {
        view.contiguous();
    }
    let graph = lower(&exported.graph)?;
    explore(&graph);
    Ok(graph)
}

/// Does all that can be done with a graph that is checked.
fn explore(graph: &Graph) {
    let layers = Layers::of(graph);
    layers.defaults(|layer| layer.reaches_logits);
    let _ = (layers.find("head"), layers.find("none"), head(graph));
    let _ = lower(graph);
}

/// The error of a file, which is of few and short lines whatever the file holds.
fn problem(file: &[u8]) -> String {
    let problem = match all(file) {
        Ok(graph) => panic!("read {} nodes, expected an error", graph.nodes.len()),
        Err(problem) => problem.to_string(),
    };
    assert!(problem.lines().count() <= 3, "{problem}");
    assert!(problem.len() < 700, "{problem}");
    problem
}

/// The names of the layers that are taken by default, with their roles.
fn defaults(graph: &Graph) -> Vec<(&'static str, String)> {
    let layers = Layers::of(graph);
    let found = layers.defaults(|layer| layer.reaches_logits);
    let named = found.into_iter();
    named
        .map(|(role, layer)| (role, layer.module.clone()))
        .collect()
}

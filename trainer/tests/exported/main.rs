//! Tests the reader of networks that PyTorch exported (`.pt2` files) on small networks: what it reads of them, and
//! that damaged or edited files give errors and never a panic. `tests/python/export_fixtures.py` writes the files:
//! `convolutions` (a small convolutional network), `tokens` (a small vision transformer), `blocks` (with paddings
//! and repeated modules) and others that are refused; `.core` files have PyTorch's core operators.

#![allow(clippy::unwrap_used)]

mod hostile;
mod layers;
mod networks;
#[path = "../support/pictures.rs"]
mod pictures;
mod refused;
mod state_dicts;
#[path = "../../../tests/fuzz/src/archive.rs"]
mod stored;
mod weights;

use std::path::Path;

use trainer::network::graph::layers::find::Layers;
use trainer::network::graph::layers::head::head;
use trainer::network::graph::problem::Problem;
use trainer::network::graph::program::Graph;
use trainer::weights::exported::lower::lower;
use trainer::weights::exported::read::read;
use trainer::weights::zip_directory;

/// The bytes of a file in `tests/fixtures/exported`.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exported");
    fs_err::read(folder.join(name)).unwrap()
}

/// The entries of a zip archive: (name, bytes).
fn entries(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let entries = zip_directory::read(file).expect("the fixture is a whole archive");
    let owned = entries.into_iter();
    owned
        .map(|entry| (entry.name, entry.bytes.to_vec()))
        .collect()
}

/// Returns a zip archive of these entries, uncompressed.
fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let entries = entries.iter();
    stored::stored(entries.map(|(name, bytes)| (name.as_str(), &bytes[..])))
}

/// The file `name` with the first entry whose name ends in `entry` changed.
fn edited(name: &str, entry: &str, edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut entries = entries(&fixture(name));
    let found = entries.iter_mut().find(|(name, _)| name.ends_with(entry));
    let (_, bytes) = found.unwrap_or_else(|| panic!("{name} has an entry {entry}"));
    *bytes = edit(std::mem::take(bytes));
    archive(&entries)
}

/// The file `name` with the first `old` in an entry's text replaced by `new`.
fn replaced(name: &str, entry: &str, old: &str, new: &str) -> Vec<u8> {
    edited(name, entry, |bytes| {
        let text = String::from_utf8(bytes).expect("the entry is text");
        assert!(text.contains(old), "{entry} has {old}");
        text.replacen(old, new, 1).into_bytes()
    })
}

/// Does all that can be done with a file, and returns the graph in its pure form (without operators that overwrite).
fn all(file: &[u8]) -> Result<Graph, Problem> {
    let exported = read(file)?;
    for view in exported.tensors.values() {
        view.contiguous();
    }
    let graph = lower(&exported.graph)?;
    explore(&graph);
    Ok(graph)
}

/// Does all that can be done with a graph that passed the check: none of it may panic.
fn explore(graph: &Graph) {
    let layers = Layers::of(graph);
    layers.defaults(|layer| layer.reaches_logits);
    let _ = (layers.find("head"), layers.find("none"), head(graph));
    let _ = lower(graph);
}

/// The error of a file. It must be short and of at most three lines, whatever the file holds.
fn problem(file: &[u8]) -> String {
    let problem = match all(file) {
        Ok(graph) => panic!("read {} nodes, expected an error", graph.nodes.len()),
        Err(problem) => problem.to_string(),
    };
    assert!(problem.lines().count() <= 3, "{problem}");
    assert!(problem.len() < 700, "{problem}");
    problem
}

/// The layers that are chosen by default: (`mid1` … `final`, module).
fn defaults(graph: &Graph) -> Vec<(&'static str, String)> {
    let layers = Layers::of(graph);
    let found = layers.defaults(|layer| layer.reaches_logits);
    let named = found.into_iter();
    named
        .map(|(role, layer)| (role, layer.module.clone()))
        .collect()
}

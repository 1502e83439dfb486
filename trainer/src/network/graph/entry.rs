//! Makes the entry ([`Architecture`]) of a network that was read from a file. It has the same form as the entries
//! of the built-in networks, so the rest of the trainer need not tell them apart.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::error::Result;
use crate::names::Layer;
use crate::network::architecture::{Architecture, MemoryFormat};
use crate::network::graph::description::{Description, parse};
use crate::network::graph::network::GraphNetwork;
use crate::network::stages::Network;

/// Returns the entry of the network that `json` describes, a text from the metadata of the weight file `file`
/// ([`Description`]). The same text always gives the same entry.
///
/// # Errors
/// A text that is no valid description.
pub fn entry(json: &str, file: &Path) -> Result<&'static Architecture> {
    static KNOWN: LazyLock<Mutex<HashMap<String, &'static Architecture>>> =
        LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = known.get(json) {
        return Ok(entry);
    }
    let description = parse(json, file)?;
    // An entry must live as long as the program, as the built-in ones do. There are few, so leaking is harmless.
    let entry: &'static Architecture = Box::leak(Box::new(architecture(description, json)));
    known.insert(json.to_owned(), entry);
    Ok(entry)
}

/// Returns the entry of the network of `description`, whose text is `json`.
fn architecture(description: Description, json: &str) -> Architecture {
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let head: Vec<&'static str> = description.head.iter().map(|name| leak(name)).collect();
    let layers = description.layers.iter().map(|found| found.layer);
    let layers: Vec<Layer> = [Layer::Input].into_iter().chain(layers).collect();
    let name = leak(&description.name);
    let mut nodes = description.graph.nodes.iter();
    let has_batch_statistics = nodes.any(|node| node.name() == "batch_norm");
    let encoding = description.encoding;
    let text = leak(json);
    let input = description.input.map(|side| side as usize);
    let description = Arc::new(description);
    Architecture {
        name,
        title: name,
        head: Box::leak(head.into_boxed_slice()),
        encoding,
        has_batch_statistics,
        is_homogeneous: false,
        has_dynamic_weights: false,
        package_prefix: "",
        gpu_memory_format: MemoryFormat::Contiguous,
        input: Some(input),
        layers: Box::leak(layers.into_boxed_slice()),
        description: Some(text),
        build: Box::leak(Box::new(move |p: &mut _, n_classes| -> Box<dyn Network> {
            Box::new(GraphNetwork::new(Arc::clone(&description), p, n_classes))
        })),
    }
}

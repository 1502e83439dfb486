//! Makes the entry ([`Architecture`]) of a network that was read from a file. It has the same form as the entries
//! of the built-in networks, so the rest of the trainer need not tell them apart.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::names::Layer;
use crate::network::architecture::{Architecture, MemoryFormat};
use crate::network::bcosified;
use crate::network::graph::description::{self, Description, parse};
use crate::network::graph::network::GraphNetwork;
use crate::network::graph::program::{Graph, Node};
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
    let (name, is_bcosified) = (description.name.clone(), description.is_bcosified);
    let mut made = architecture(description, json);
    if is_bcosified {
        made = bcosified::of(&made, name).ok_or_else(|| {
            let found = "a B-cosified network of which the image goes into no convolution alone";
            Error::invalid(
                file,
                description::KEY,
                found,
                "one that trainer bcosify wrote",
            )
        })?;
    }
    // Entries live as long as the program, as those of the list do; there are few.
    let entry: &'static Architecture = Box::leak(Box::new(made));
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
    let stem = stem(&description.graph).map(leak);
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
        stem,
        is_bcosified: false,
        package_prefix: "",
        cpu_memory_format: MemoryFormat::Contiguous,
        gpu_memory_format: MemoryFormat::Contiguous,
        input: Some(input),
        layers: Box::leak(layers.into_boxed_slice()),
        description: Some(text),
        build: Box::leak(Box::new(move |p: &mut _, n_classes| -> Box<dyn Network> {
            Box::new(GraphNetwork::new(Arc::clone(&description), p, n_classes))
        })),
    }
}

/// Returns the name of the weight of the one convolution that the image goes into; `None` where it goes into
/// anything else.
fn stem(graph: &Graph) -> Option<&str> {
    let takes_image = |node: &&Node| {
        node.name() != "sym_size" && node.tensors().any(|value| value == graph.input)
    };
    let mut users = graph.nodes.iter().filter(takes_image);
    let (first, others) = (users.next()?, users.next());
    let weight = first.tensor("weight")?;
    // A convolution of each colour by itself (3 groups) cannot be made to take the six channels x, 1 − x.
    let is_alone = others.is_none() && first.name() == "conv2d" && first.int("groups") != Some(3);
    let mut tensors = graph.tensors.iter();
    let tensor = tensors.find(|tensor| tensor.value == weight)?;
    (is_alone && tensor.persistent).then_some(tensor.name.as_str())
}

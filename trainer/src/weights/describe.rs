//! Makes the text that `trainer describe` prints about a network that PyTorch exported: its input, weights and
//! head, and the layers at which it can be explained. Also the warnings that `trainer import` prints.

use std::fmt::Write;

use crate::names::Layer;
use crate::network::graph::layers::find::Candidate;
use crate::network::graph::program::Role;
use crate::weights::network::{Network, Tried};

/// Returns the text. `tried` is what a run on noise showed; `None` if there was none.
pub fn text(network: &Network, tried: Option<&Tried>) -> String {
    let description = &network.description;
    let graph = &description.graph;
    let [channels, height, width] = graph.image();
    let n_weights = |role| {
        graph
            .tensors
            .iter()
            .filter(move |tensor| tensor.role == role)
    };
    let numbers: i64 = n_weights(Role::Parameter)
        .filter_map(|tensor| graph.values[tensor.value].fixed_size())
        .map(|size| size.iter().product::<i64>())
        .sum();
    let mut text = String::new();
    let head = &network.head;
    let mut line = |key: &str, value: String| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{key:<9} {value}");
    };
    line("network", description.name.clone());
    line(
        "input",
        format!("{channels} × {height} × {width}, {}", description.encoding),
    );
    line(
        "weights",
        format!(
            "{} parameters with {numbers} numbers, {} buffers, {} constants",
            n_weights(Role::Parameter).count(),
            n_weights(Role::Buffer).count(),
            n_weights(Role::Constant).count(),
        ),
    );
    line(
        "head",
        format!(
            "{} ({}), {} classes",
            head.module, head.weight, head.n_classes
        ),
    );
    line(
        "norms",
        match network.backbone.has_batch_statistics {
            true => "with statistics of the batch: micro_batch is refused".to_owned(),
            false => "none with statistics of the batch".to_owned(),
        },
    );
    if let Some(reason) = tried.and_then(|tried| tried.unguided.as_ref()) {
        line("guidance", format!("not possible: {reason}"));
    }
    text.push_str("\nlayer   module                                   grid      channels\n");
    let [.., height, width] = graph.image();
    let _ = writeln!(
        text,
        "input   {:<40} {:<9} {channels}",
        "",
        format!("{height}×{width}")
    );
    for candidate in &network.candidates {
        let named = description
            .layers
            .iter()
            .find(|known| known.value == candidate.value);
        let name = named.map_or(String::new(), |known| known.layer.to_string());
        let blind = tried
            .is_some_and(|tried| named.is_some_and(|known| tried.blind.contains(&known.layer)));
        let _ = writeln!(
            text,
            "{name:<7} {}{}",
            row(candidate),
            remark(candidate, blind)
        );
    }
    text.push_str("\nAny of these modules can stand for a layer: --layer final=MODULE\n");
    text
}

/// A layer's module, grid and channels, as a row of the table.
fn row(candidate: &Candidate) -> String {
    let [height, width] = candidate.grid;
    format!(
        "{:<40} {:<9} {}",
        candidate.module,
        format!("{height}×{width}"),
        candidate.channels
    )
}

/// A remark at the end of a layer's row; `is_blind` says that its gradient was zero when it was tried.
fn remark(candidate: &Candidate, is_blind: bool) -> &'static str {
    if !candidate.reaches_logits || is_blind {
        "  (the logits do not depend on its places)"
    } else if candidate.is_only_normed {
        "  (only normed afterwards: ixg is zero but for rounding)"
    } else {
        ""
    }
}

/// Returns warnings about layers and guidance that did not work when they were tried.
pub fn warnings(tried: &Tried) -> Vec<String> {
    let blind = tried
        .blind
        .iter()
        .filter(|layer| **layer != Layer::Input)
        .map(|layer| {
            format!("the logits do not depend on the places of {layer}: maps there are zero")
        });
    let unguided = tried.unguided.iter();
    blind
        .chain(unguided.map(|reason| format!("it can be explained, not guided: {reason}")))
        .collect()
}

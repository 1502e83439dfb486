//! Finds the head of a graph (a network read from a file): the layer that makes the logits. It is replaced when the
//! network is trained for other classes.

use crate::network::graph::problem::{Problem, quote};
use crate::network::graph::program::{Argument, Graph, GraphTensor, Node};

/// The last linear layer or 1×1 convolution before the logits (N, K).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The path of its module.
    pub module: String,
    /// The name of its weight, (K, C) or (K, C, 1, 1) with C input channels.
    pub weight: String,
    /// The name of its bias, (K); `None` if it has none.
    pub bias: Option<String>,
    /// The number of classes, K.
    pub n_classes: i64,
}

/// Operators that may follow the head: they compute the logit of each class from this class's output alone.
const AFTER: [&str; 9] = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "flatten",
    "mean",
    "relu",
    "reshape",
    "squeeze",
    "to",
    "unsqueeze",
];

/// Finds the head in front of the logits.
///
/// # Errors
/// Logits that no linear layer makes, or that come after a softmax.
pub fn head(graph: &Graph) -> Result<Head, Problem> {
    find(graph).map(|(_, head)| head)
}

/// Finds the head in front of the logits: the index of its node, and the head.
pub(crate) fn find(graph: &Graph) -> Result<(usize, Head), Problem> {
    let fail = |found: String| Problem::Head {
        found,
        expected: "logits made by one linear layer, or its module named".into(),
    };
    let mut value = graph.output;
    let mut bias = None;
    // Goes back from the logits: `value` is made by a node that comes later in this loop.
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if !node.outputs.contains(&value) {
            continue;
        }
        if let Some(head) = as_head(graph, node, bias) {
            return Ok((index, head));
        }
        let name = node.name();
        match name {
            "log_softmax" | "sigmoid" | "softmax" => {
                return Err(fail(format!(
                    "{name}, which makes probabilities, at the end"
                )));
            }
            "add" if bias.is_none() => {
                let values: Vec<usize> = node.tensors().collect();
                let is_bias = |value: &usize| named(graph, *value).is_some();
                let (Some(&added), Some(&rest)) = (
                    values.iter().find(|value| is_bias(value)),
                    values.iter().find(|value| !is_bias(value)),
                ) else {
                    return Err(fail("a sum at the end".into()));
                };
                (bias, value) = (Some(added), rest);
            }
            _ if AFTER.contains(&name) => value = node.tensors().next().unwrap_or(value),
            _ => return Err(fail(format!("{} at the end", quote(&node.operator)))),
        }
    }
    Err(fail("none".into()))
}

/// Finds the head that is the module `name`.
///
/// # Errors
/// A module that is no linear layer with as many outputs as there are logits.
pub fn find_head(graph: &Graph, name: &str) -> Result<Head, Problem> {
    let heads = graph.nodes.iter().rev();
    let mut heads = heads.filter(|node| node.module == name);
    heads
        .find_map(|node| as_head(graph, node, None))
        .ok_or_else(|| Problem::Head {
            found: format!("module {}", quote(name)),
            expected: format!("a linear layer of {} outputs", n_classes(graph)),
        })
}

/// Returns the head that a node is; `None` if it is no head. `bias` is the value that a later node adds to its
/// output; it counts where the node has no bias of its own.
fn as_head(graph: &Graph, node: &Node, bias: Option<usize>) -> Option<Head> {
    let (weight, own_bias) = match node.name() {
        "linear" => (node.tensor("weight")?, node.tensor("bias")),
        "conv2d" | "convolution" => (node.tensor("weight")?, node.tensor("bias")),
        "addmm" => (
            untransposed(graph, node.tensor("mat2")?)?,
            node.tensor("self"),
        ),
        "mm" => (untransposed(graph, node.tensor("mat2")?)?, None),
        "matmul" => (untransposed(graph, node.tensor("other")?)?, None),
        _ => return None,
    };
    let n_classes = n_classes(graph);
    let size = graph.values[weight].fixed_size()?;
    let fits = match size[..] {
        [outputs, _] | [outputs, _, 1, 1] => outputs == n_classes,
        _ => false,
    };
    if !fits || node.argument("transposed") == Some(&Argument::Bool(true)) {
        return None;
    }
    let bias = match own_bias.or(bias) {
        Some(bias) if graph.values[bias].fixed_size()? == [n_classes] => Some(named(graph, bias)?),
        Some(_) => return None,
        None => None,
    };
    Some(Head {
        module: node.module.clone(),
        weight: named(graph, weight)?.name.clone(),
        bias: bias.map(|bias| bias.name.clone()),
        n_classes,
    })
}

/// Returns the matrix whose transpose a value is; `None` if it is no transpose.
fn untransposed(graph: &Graph, value: usize) -> Option<usize> {
    let node = graph
        .nodes
        .iter()
        .find(|node| node.outputs.contains(&value))?;
    match node.name() {
        "permute" | "t" | "transpose" => node.tensors().next(),
        _ => None,
    }
}

/// Returns the tensor owned by the network that a value is; `None` if a node makes it.
fn named(graph: &Graph, value: usize) -> Option<&GraphTensor> {
    graph.tensors.iter().find(|tensor| tensor.value == value)
}

/// The number of classes: the length of the logits' second axis.
fn n_classes(graph: &Graph) -> i64 {
    let size = graph.values[graph.output].size();
    size.and_then(|size| *size.get(1)?).unwrap_or(0)
}

//! Defines [`Description`], what the metadata of a weight file say about a network that is not built in but was
//! imported from a `torch.export` file: its graph, head, encoding and layers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::names::Layer;
use crate::network::architecture::Encoding;
use crate::network::graph::program::{Graph, Meta};
use crate::network::stages::FeatureAxes;

/// The key in the metadata. Its value is the description as JSON on one line.
pub const KEY: &str = "network";

/// The version of the JSON text.
pub const VERSION: u32 = 1;

/// The description of a network that was read from a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// The version of this record.
    pub version: u32,
    /// Its name in configurations and tables.
    pub name: String,
    /// Height and width of the images that it was exported for.
    pub input: [i64; 2],
    /// How an image becomes its input.
    pub encoding: Encoding,
    /// Names of the tensors of the head, the layer that makes the logits; the weight first.
    pub head: Vec<String>,
    /// The number of input channels of the head.
    pub head_inputs: i64,
    /// The layers after the input at which it can be explained, in the order of [`Layer`].
    pub layers: Vec<Explainable>,
    /// Whether it is B-cosified; `encoding` is then that of the network that it comes from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_bcosified: bool,
    /// Its operations.
    pub graph: Graph,
}

/// A layer at which a network can be explained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explainable {
    /// Its name in configurations.
    pub layer: Layer,
    /// The module whose output it is, under PyTorch's name, as "layer3".
    pub module: String,
    /// The number of its value in the graph.
    pub value: usize,
    /// Which of its axes are channels, height and width.
    pub form: FeatureAxes,
}

impl Description {
    /// Returns its JSON text, one line.
    ///
    /// # Errors
    /// serde_json's, which does not happen for a description that was read.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The further names of the tensor `name` in the model's state dict, where modules share a tensor.
    pub fn aliases(&self, name: &str) -> &[String] {
        let tensor = self.graph.tensors.iter().find(|tensor| tensor.name == name);
        tensor.map_or(&[], |tensor| &tensor.aliases)
    }

    /// The numbers of the four values at which the network is cut into stages: those of `mid1`, `mid2`, `mid3`
    /// and `final`. For a layer that it lacks, the value of the layer before is given again.
    pub(super) fn cuts(&self) -> impl Iterator<Item = usize> + '_ {
        let behind_input = Layer::ALL.iter().skip(1);
        behind_input.scan(self.graph.input, |value, layer| {
            *value = self.at(*layer).map_or(*value, |found| found.value);
            Some(*value)
        })
    }

    /// Which axes of the features at a layer are channels, height and width; `layer` is its index, 0 the input.
    pub(super) fn feature_axes(&self, layer: usize) -> FeatureAxes {
        let layer = Layer::ALL.get(layer).copied();
        let found = layer.and_then(|layer| self.at(layer));
        found.map_or(FeatureAxes::Map, |found| found.form)
    }

    fn at(&self, layer: Layer) -> Option<&Explainable> {
        self.layers.iter().find(|known| known.layer == layer)
    }

    /// Says what is wrong with the description; `None` if it can be used.
    fn fault(&self) -> Option<String> {
        if let Err(problem) = self.graph.validate() {
            return Some(problem.to_string());
        }
        let tensors = &self.graph.tensors;
        let n_values = self.graph.values.len();
        let sizes = |name: &String| {
            let tensor = tensors.iter().find(|tensor| tensor.name == *name)?;
            self.graph
                .values
                .get(tensor.value)
                .and_then(Meta::fixed_size)
        };
        let mut heads = self.head.iter().map(sizes);
        let inputs = self.head.first().and_then(sizes).and_then(|size| {
            let mut behind_classes = size.iter().skip(1);
            behind_classes.try_fold(1_i64, |inputs, side| inputs.checked_mul(*side))
        });
        let is_in_order = self
            .layers
            .windows(2)
            .all(|pair| pair[0].layer < pair[1].layer);
        let [_, height, width] = self.graph.image();
        if self.version != VERSION {
            Some(format!("version {}, expected {VERSION}", self.version))
        } else if self.head.is_empty()
            || !heads.all(|size| size.is_some_and(|size| !size.is_empty()))
        {
            Some("a head whose tensors the graph does not have".to_owned())
        } else if inputs != Some(self.head_inputs) {
            let found = self.head_inputs;
            Some(format!("{found} inputs of the head, the graph has others"))
        } else if self.input != [height, width] || height < 1 || width < 1 {
            let found = self.input;
            Some(format!(
                "images of {found:?}, the graph has {height}×{width}"
            ))
        } else if !is_in_order || self.layers.iter().any(|layer| layer.value >= n_values) {
            Some("layers out of order or without a value".to_owned())
        } else {
            None
        }
    }
}

/// Returns the description among the `metadata` of the weight file `file`; `None` for a built-in network.
///
/// # Errors
/// A text that is no valid description.
pub fn read(metadata: &BTreeMap<String, String>, file: &Path) -> Result<Option<Description>> {
    let text = metadata.get(KEY);
    text.map(|text| parse(text, file)).transpose()
}

/// Parses and checks the description `json` of the weight file `file`.
pub fn parse(json: &str, file: &Path) -> Result<Description> {
    let expected = "a network that trainer import wrote";
    let wrong = |found: String| Error::invalid(file, KEY, found, expected);
    let description: Description =
        serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    match description.fault() {
        None => Ok(description),
        Some(fault) => Err(wrong(fault)),
    }
}

//! Defines what an attribution method is ([`Attribution`]) and computes the maps of a batch with one
//! ([`Explainable`]). A map explains one logit of one image by one number for each position (h, w) of a
//! layer, summed over channels (paper section 3.2; docs/SPEC.md A.3). The methods are in `methods/`, one
//! file each.

use std::fmt;

use serde::Serialize;
use tch::{TchError, Tensor};

use crate::explain::gradients::{DynamicWeights, Gradients, Order};
use crate::names::Layer;
use crate::network::{Backbone, Mode, Model};

/// An attribution method: its name, the networks it is defined for, and the function that computes its
/// maps. Configurations and tables hold its name.
#[derive(Clone, Copy, Serialize)]
#[serde(into = "String")]
pub struct Attribution {
    /// Its spelling in configurations, tables and plots.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How the gradient that its maps are made of treats dynamic weights, those that a B-cos network computes
    /// from its input.
    pub dynamic_weights: DynamicWeights,
    /// Returns the reason why it is not defined for a network, for evaluation ([`Order::First`]) or guidance
    /// ([`Order::Second`]); `None` if it is defined.
    pub refusal: fn(Backbone, Order) -> Option<String>,
    /// Computes the maps (N, h, w) of logits (N, K). The second argument is a cotangent (N, K), the weight of
    /// each logit in the sum that is differentiated; [`Gradients::cotangent`] makes it: 1 at the logit that is
    /// explained, of each image. With [`Order::Second`] the maps are in the graph.
    pub maps: fn(&Gradients, &Tensor) -> Result<Tensor, TchError>,
}

impl PartialEq for Attribution {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Attribution {}

impl fmt::Debug for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl From<Attribution> for String {
    fn from(attribution: Attribution) -> String {
        attribution.name.to_owned()
    }
}

/// Returns Σ_c `features` · `weights`, maps (N, h, w). `features` are (N, C, h, w), `weights` the same or
/// (N, C, 1, 1).
///
/// # Errors
/// libtorch's.
pub fn over_channels(features: &Tensor, weights: &Tensor) -> Result<Tensor, TchError> {
    let products = features.f_mul(weights)?;
    products.f_sum_dim_intlist([1i64].as_slice(), false, None)
}

/// A batch's features at a layer, its logits, and the method that explains the logits.
pub struct Explainable<'a> {
    attribution: Attribution,
    gradients: Gradients<'a>,
}

impl<'a> Explainable<'a> {
    /// Runs the network from `features` (N, C, h, w) at `layer` to the logits.
    ///
    /// # Errors
    /// libtorch's.
    pub fn new(
        model: &'a Model,
        attribution: Attribution,
        layer: Layer,
        features: &Tensor,
        mode: Mode,
        order: Order,
    ) -> Result<Self, TchError> {
        let weights = attribution.dynamic_weights;
        let gradients = Gradients::new(model, weights, layer, features, mode, order)?;
        Ok(Explainable {
            attribution,
            gradients,
        })
    }

    /// Sets the image ids of the batch, for methods that draw random numbers for each image.
    pub fn of_images(self, image_ids: &[&str]) -> Self {
        Explainable {
            gradients: self.gradients.of_images(image_ids),
            ..self
        }
    }

    /// The logits (N, K).
    pub fn logits(&self) -> &Tensor {
        self.gradients.logits()
    }

    /// Height and width of the maps.
    pub fn size(&self) -> (usize, usize) {
        let size = self.gradients.features().size();
        (size[2] as usize, size[3] as usize)
    }

    /// Computes the maps (N, h, w), at the layer's resolution, of the logits that `pairs` name as (row of
    /// the batch, class). Each row, that is image, may be in one pair at most; a row in no pair has a map of
    /// zeros.
    ///
    /// # Errors
    /// libtorch's.
    pub fn maps(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        let cotangent = self.gradients.cotangent(pairs)?;
        (self.attribution.maps)(&self.gradients, &cotangent)
    }

    /// Computes the gradients at the features (N, C, h, w) of the logits that `pairs` name, as in
    /// [`Explainable::maps`]. For a method that holds dynamic weights fixed they are W(x), the weights of
    /// the linear map that a B-cos network is for this input.
    ///
    /// # Errors
    /// libtorch's.
    pub fn weights(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        self.gradients.gradient(&self.gradients.cotangent(pairs)?)
    }
}

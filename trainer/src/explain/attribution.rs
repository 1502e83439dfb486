//! What an attribution method is, and the maps that it makes: one number for each cell of the layer,
//! summed over channels (paper section 3.1; SPEC A.3). The methods are in `methods/`, a file each.

use std::fmt;

use serde::Serialize;
use tch::{TchError, Tensor};

use crate::explain::gradients::{DynamicWeights, Gradients, Order};
use crate::names::Layer;
use crate::network::{Backbone, Mode, Model};

/// An attribution method: its name, the networks it is defined for, and its maps. Files hold its name.
#[derive(Clone, Copy, Serialize)]
#[serde(into = "String")]
pub struct Attribution {
    /// Its spelling in configurations, tables and plots.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Which gradient its maps are made of.
    pub dynamic_weights: DynamicWeights,
    /// The reason why it is not defined for a network in this order; `None` where it is.
    pub refusal: fn(Backbone, Order) -> Option<String>,
    /// The maps (N, h, w) of the logits chosen by a cotangent (N, K); in the graph of the pass with
    /// [`Order::Second`].
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

/// Σ_c `features` · `weights` as a map (N, h, w). `features` are (N, C, h, w), `weights` too, or
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

    /// Sets the rows' image ids, for methods that draw random numbers for each image.
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

    /// The maps (N, h, w), at the layer's resolution, of the logits of `pairs` (row of the batch,
    /// class), at most one pair a row; zeros for the other rows.
    ///
    /// # Errors
    /// libtorch's.
    pub fn maps(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        let cotangent = self.gradients.cotangent(pairs)?;
        (self.attribution.maps)(&self.gradients, &cotangent)
    }

    /// The gradients at the features (N, C, h, w) of the logits of `pairs`, as in [`Explainable::maps`].
    /// Where the method holds dynamic weights fixed, these are W(x).
    ///
    /// # Errors
    /// libtorch's.
    pub fn weights(&self, pairs: &[(i64, i64)]) -> Result<Tensor, TchError> {
        self.gradients.gradient(&self.gradients.cotangent(pairs)?)
    }
}

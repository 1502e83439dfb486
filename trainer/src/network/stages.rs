//! Defines [`Network`]: every classifier is a chain of five stages. The layers at which it can be explained
//! (`input`, `mid1`, `mid2`, `mid3`, `final`) lie before, between and behind the first four stages, so it can
//! be run up to a layer and from there to the logits:
//!
//! ```text
//! input ─ stage 0 ─ mid1 ─ stage 1 ─ mid2 ─ stage 2 ─ mid3 ─ stage 3 ─ final ─ stage 4 ─ logits
//! ```

use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use crate::network::pass::{Pass, Value};

/// Stages of a network: four up to the final features, one from there to the logits.
pub const STAGES: usize = 5;

/// A chain of [`STAGES`] stages. A stage never changes its input in place.
pub trait Network {
    /// Runs the stage number `stage` (0 to 4) on its input `x`; `pass` records it for a backward pass if asked to.
    ///
    /// # Errors
    /// libtorch's, such as shapes that do not fit or memory that does not suffice.
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError>;

    /// Which axes of the features before `stage` are channels, height and width; [`FeatureAxes::Map`] unless the
    /// network says otherwise.
    fn feature_axes(&self, _stage: usize) -> FeatureAxes {
        FeatureAxes::Map
    }
}

/// The order of axes of features: N images, C channels, h × w places on the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureAxes {
    /// (N, C, h, w).
    Map,
    /// (N, h, w, C).
    LastChannels,
    /// T tokens (N, T, C) of a transformer: first those of no place, such as a class token, then one for each
    /// place of the grid, row by row, then perhaps more of no place.
    Tokens {
        /// How many tokens come before those of the grid.
        before: i64,
        /// Height and width of the grid.
        grid: [i64; 2],
    },
}

impl FeatureAxes {
    /// Returns the part of `features` that has a place on the image, as (N, C, h, w): a view.
    ///
    /// # Errors
    /// libtorch's, for features with other axes.
    pub fn on_map(self, features: &Tensor) -> Result<Tensor, TchError> {
        match self {
            FeatureAxes::Map => Ok(features.shallow_clone()),
            FeatureAxes::LastChannels => features.f_permute([0, 3, 1, 2]),
            FeatureAxes::Tokens { before, grid } => {
                let places = features.f_narrow(1, before, grid[0] * grid[1])?;
                places.f_transpose(1, 2)?.f_unflatten(2, grid)
            }
        }
    }

    /// The reverse of [`FeatureAxes::on_map`]: returns features with these axes, of which the part on the image is from
    /// `map` (N, C, h, w) and all other tokens from `features`.
    ///
    /// # Errors
    /// libtorch's, for features with other axes.
    pub fn with_map(self, features: &Tensor, map: &Tensor) -> Result<Tensor, TchError> {
        match self {
            FeatureAxes::Map => Ok(map.shallow_clone()),
            FeatureAxes::LastChannels => map.f_permute([0, 2, 3, 1])?.f_contiguous(),
            FeatureAxes::Tokens { before, grid } => {
                let behind = before + grid[0] * grid[1];
                let n_behind = features.size()[1] - behind;
                let first = features.f_narrow(1, 0, before)?;
                let last = features.f_narrow(1, behind, n_behind)?;
                let places = map.f_flatten(2, 3)?.f_transpose(1, 2)?;
                Tensor::f_cat(&[first, places, last], 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn what_lies_on_the_map_is_taken_out_and_put_back() {
        let tokens = FeatureAxes::Tokens {
            before: 1,
            grid: [2, 3],
        };
        for (form, size, map) in [
            (FeatureAxes::Map, vec![2, 5, 2, 3], [2, 5, 2, 3]),
            (FeatureAxes::LastChannels, vec![2, 2, 3, 5], [2, 5, 2, 3]),
            // A class token, six places, and one more token.
            (tokens, vec![2, 8, 5], [2, 5, 2, 3]),
        ] {
            let features =
                Tensor::arange(size.iter().product::<i64>(), (Kind::Double, Device::Cpu))
                    .view(size.as_slice());
            let on_map = form.on_map(&features).unwrap();
            assert_eq!(on_map.size(), map, "{form:?}");
            assert_eq!(
                form.with_map(&features, &on_map).unwrap(),
                features,
                "{form:?}"
            );
            // The element at row 1, column 2 of the first image's channel 4, read from the features directly.
            let place = match form {
                FeatureAxes::Map => features.double_value(&[0, 4, 1, 2]),
                FeatureAxes::LastChannels => features.double_value(&[0, 1, 2, 4]),
                FeatureAxes::Tokens { .. } => features.double_value(&[0, 1 + 5, 4]),
            };
            assert_eq!(on_map.double_value(&[0, 4, 1, 2]), place, "{form:?}");
        }
    }
}

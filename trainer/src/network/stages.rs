//! Defines [`Network`], a chain of five stages, which every backbone is. The layers at which the paper
//! explains lie between the stages, so the network can be run up to a layer and from there to the logits:
//!
//! ```text
//! input ─ stage 0 ─ mid1 ─ stage 1 ─ mid2 ─ stage 2 ─ mid3 ─ stage 3 ─ final ─ stage 4 ─ logits
//! ```

use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use crate::network::pass::{Pass, Value};

/// Stages of a backbone: four to the final features, one to the logits.
pub const STAGES: usize = 5;

/// A chain of [`STAGES`] stages. A stage never changes its input in place.
pub trait Network {
    /// Runs one stage.
    ///
    /// # Errors
    /// libtorch's, such as shapes that do not fit or memory that does not suffice.
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError>;

    /// How the axes of the features before `stage` are a map; [`Form::Map`] unless the network says
    /// otherwise.
    fn form(&self, _stage: usize) -> Form {
        Form::Map
    }
}

/// How the axes of features are a map of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// (N, C, h, w).
    Map,
    /// (N, h, w, C).
    LastChannels,
    /// Tokens (N, T, C): some that stand for no place, such as a class token, then one for each place of a
    /// grid, row by row, perhaps more that stand for none.
    Tokens {
        /// How many stand before those of the grid.
        before: i64,
        /// Height and width of the grid.
        grid: [i64; 2],
    },
}

impl Form {
    /// Returns the part of `features` that lies on the map, as (N, C, h, w): a view.
    ///
    /// # Errors
    /// libtorch's, for features of another form.
    pub fn on_map(self, features: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Form::Map => Ok(features.shallow_clone()),
            Form::LastChannels => features.f_permute([0, 3, 1, 2]),
            Form::Tokens { before, grid } => {
                let places = features.f_narrow(1, before, grid[0] * grid[1])?;
                places.f_transpose(1, 2)?.f_unflatten(2, grid)
            }
        }
    }

    /// Returns features of this form with the part on the map from `map` (N, C, h, w) and the rest from
    /// `features`.
    ///
    /// # Errors
    /// libtorch's, for features of another form.
    pub fn with_map(self, features: &Tensor, map: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Form::Map => Ok(map.shallow_clone()),
            Form::LastChannels => map.f_permute([0, 2, 3, 1])?.f_contiguous(),
            Form::Tokens { before, grid } => {
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
        let tokens = Form::Tokens {
            before: 1,
            grid: [2, 3],
        };
        for (form, size, map) in [
            (Form::Map, vec![2, 5, 2, 3], [2, 5, 2, 3]),
            (Form::LastChannels, vec![2, 2, 3, 5], [2, 5, 2, 3]),
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
            // Row 1, column 2 of the first image's channel 4.
            let place = match form {
                Form::Map => features.double_value(&[0, 4, 1, 2]),
                Form::LastChannels => features.double_value(&[0, 1, 2, 4]),
                Form::Tokens { .. } => features.double_value(&[0, 1 + 5, 4]),
            };
            assert_eq!(on_map.double_value(&[0, 4, 1, 2]), place, "{form:?}");
        }
    }
}

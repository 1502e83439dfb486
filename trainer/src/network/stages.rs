//! Defines [`Network`], a chain of five stages, which every backbone is. The layers at which the paper
//! explains lie between the stages, so the network can be run up to a layer and from there to the logits:
//!
//! ```text
//! input ─ stage 0 ─ mid1 ─ stage 1 ─ mid2 ─ stage 2 ─ mid3 ─ stage 3 ─ final ─ stage 4 ─ logits
//! ```

use tch::TchError;

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
}

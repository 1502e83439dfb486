//! Defines [`Measure`]: a value of a map, or of the object, that comes from altered images.

use crate::explain::predictions::probability;
use crate::faithfulness::pair::Pair;

/// The cells of an image that are taken away, row by row: `true` where the baseline is shown.
pub type Taken = Vec<bool>;

/// A measure that alters images. It says which cells are taken, and makes a value of what the network says then.
#[derive(Clone, Copy)]
pub struct Measure {
    /// Its name in the table.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Returns the altered images, at least one; `None` where the pair has no such value.
    pub images: fn(&Pair) -> Option<Vec<Taken>>,
    /// Computes the value from the answers to these images, in their order.
    pub value: fn(&Pair, &[Answer]) -> f64,
}

/// What the network says of the pair's class on an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The logit; of a softmax the log-odds (docs/SPEC.md A.1).
    pub logit: f32,
}

impl Answer {
    /// The probability of the class: of sigmoids its own, of a softmax its share.
    pub fn probability(self) -> f64 {
        probability(self.logit)
    }
}

//! Defines [`Labels`]: whether an image may show several of the data set's classes or shows exactly one. It
//! decides the classifier's loss and how its logits become predictions (docs/SPEC.md A.1, B).

use serde::{Deserialize, Serialize};

/// How many of the data set's classes an image shows.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    strum::Display,
    strum::EnumString,
    strum::AsRefStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_labels)]
pub enum Labels {
    /// Any number, as in the paper: each class has a sigmoid of its own and is predicted at logit ≥ 0.
    #[default]
    Multi,
    /// Exactly one: softmax over the classes; the class with the greatest logit is predicted.
    Single,
}

impl Labels {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Multi, Self::Single];

    /// Whether an image may show any number of classes. It is the default, which configurations and metadata do
    /// not mention.
    pub fn are_multi(&self) -> bool {
        *self == Self::Multi
    }
}

/// Returns the error for a word that says no number of labels.
fn no_labels(text: &str) -> String {
    format!("found {text:?}, expected multi or single")
}

//! Defines [`Labels`]: whether an image may show several of the data set's classes or shows exactly one. It
//! decides the classifier's loss, binary cross-entropy or cross-entropy of the softmax, and which classes are predicted
//! from its logits (docs/SPEC.md A.1, B).

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
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown)]
pub enum Labels {
    /// Any number, as in the paper: each class has a sigmoid of its own and is predicted where that is 0.5 or more
    /// (logit ≥ 0).
    #[default]
    Multi,
    /// Exactly one: softmax over the classes; the class with the greatest logit is predicted.
    Single,
}

impl Labels {
    /// All spellings that the command line knows.
    pub const ALL: [Self; 2] = [Self::Multi, Self::Single];

    /// Whether an image may show any number of classes. This is the default: configurations and tables' metadata
    /// leave it out, so that those from before there was a choice stay valid.
    pub fn are_multi(&self) -> bool {
        *self == Self::Multi
    }
}

/// Returns the error for a word that is not one of the two.
fn unknown(text: &str) -> String {
    format!("found {text:?}, expected multi or single")
}

//! Defines [`Split`], the part of a data set that an image belongs to: train, val or test.

use serde::{Deserialize, Serialize};

/// The part of a data set an image belongs to.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    strum::Display,
    strum::EnumString,
    strum::AsRefStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_split)]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing checkpoints and thresholds.
    Val,
    /// For results.
    Test,
}

impl Split {
    /// All splits, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];
}

fn no_split(text: &str) -> String {
    format!("{text:?} is not a split; expected train, val or test")
}

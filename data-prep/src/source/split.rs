//! The parts of a data set: train, val, test.

use std::fmt;
use std::str::FromStr;

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
)]
#[serde(rename_all = "lowercase")]
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

    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|split| split.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a split; expected train, val or test"))
    }
}

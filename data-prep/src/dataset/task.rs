//! The task of a data set: to tell Waterbirds' birds, or, reversed, to tell their backgrounds (paper
//! section 5.5; SPEC C.4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The classification task.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Classes and masks as annotated.
    #[default]
    Conventional,
    /// Data with Waterbirds' classes and groups only: the class is the background, its mask everything outside the bird's box.
    Reversed,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 2] = [Self::Conventional, Self::Reversed];

    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conventional => "conventional",
            Self::Reversed => "reversed",
        }
    }

    /// Whether it is the conventional one, which configurations and metadata do not name.
    pub fn is_conventional(&self) -> bool {
        *self == Self::Conventional
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|task| task.as_str() == text)
            .ok_or_else(|| format!("found {text:?}, expected conventional or reversed"))
    }
}

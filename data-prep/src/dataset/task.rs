//! Defines [`Task`], what the networks are to classify: the annotated classes, or, in the reversed task,
//! Waterbirds' backgrounds (paper section 5.5; docs/SPEC.md C.4).

use serde::{Deserialize, Serialize};

/// The classification task.
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
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_task)]
pub enum Task {
    /// Classes and masks as annotated.
    #[default]
    Conventional,
    /// Data with Waterbirds' classes and groups only: the class is the background, its mask everything
    /// outside the bird's box.
    Reversed,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 2] = [Self::Conventional, Self::Reversed];

    /// Whether it is the conventional task. This is the default: configurations and tables' metadata leave it out,
    /// so that those from before there was a choice stay valid.
    pub fn is_conventional(&self) -> bool {
        *self == Self::Conventional
    }
}

/// Returns the error for a word that is no task.
fn no_task(text: &str) -> String {
    format!("found {text:?}, expected conventional or reversed")
}

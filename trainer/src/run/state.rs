//! Tells from the folder of a run (one training) how far the run is, which `trainer state` prints for `cargo xtask`.

use crate::run::folder::RunFolder;
use crate::run::resume::SavedStates;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The run has no folder or no saved state.
    Absent,
    /// Begun, with the number of finished epochs.
    Partial(usize),
    /// Begun, but no saved state can be read.
    Damaged,
    /// All epochs are finished.
    Finished,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            State::Absent => write!(f, "absent"),
            State::Partial(epochs) => write!(f, "partial {epochs}"),
            State::Damaged => write!(f, "damaged"),
            State::Finished => write!(f, "finished"),
        }
    }
}

impl State {
    /// Returns how far the run in `folder` is.
    pub fn of(folder: &RunFolder) -> State {
        if folder.run_table().exists() {
            return State::Finished;
        }
        match SavedStates::of(folder).finished_epochs() {
            Ok(None) => State::Absent,
            Ok(Some(epochs)) => State::Partial(epochs),
            Err(_) => State::Damaged,
        }
    }
}

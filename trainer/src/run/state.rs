//! The state of a run, as `trainer state` prints it.

use crate::run::folder::RunFolder;
use crate::run::resume::SavedStates;

/// The state of a run.
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
    /// The state of the run in `folder`.
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

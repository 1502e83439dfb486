//! Installs what is needed before anything runs: libtorch, the tests' Python packages, weights and data
//! sets. `doctor` prints what is missing.

pub(crate) mod doctor;
pub(crate) mod download;
pub(crate) mod libtorch;
pub(crate) mod pip;
pub(crate) mod setup;
pub(crate) mod venv;
pub(crate) mod weights;

//! Installs what is needed before anything runs: libtorch, Python packages of the tests, weights, data
//! sets. `doctor` tells what is missing.

pub(crate) mod doctor;
pub(crate) mod download;
pub(crate) mod libtorch;
pub(crate) mod pip;
pub(crate) mod setup;
pub(crate) mod venv;
pub(crate) mod weights;

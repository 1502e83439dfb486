//! Weights in files: our own ([`checkpoint`]), other programs' ([`checkpoint_file`]), and the way from
//! one to the other.

pub mod checkpoint;
pub mod checkpoint_file;
pub(crate) mod classes;
pub mod export;
pub mod import;

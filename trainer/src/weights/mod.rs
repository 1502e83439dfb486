//! Weight files: our own ([`checkpoint`]), those of other programs ([`checkpoint_file`]), import and
//! export.

pub mod checkpoint;
pub mod checkpoint_file;
pub(crate) mod classes;
pub mod export;
pub mod import;

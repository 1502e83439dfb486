//! Weight files: the project's own ([`checkpoint`]) and those of other programs ([`checkpoint_file`], which only
//! reads). `trainer import` converts the latter to the former, `trainer export` the reverse. Files of whole
//! networks, graph and weights, are read by [`exported`].

pub mod bcosify;
pub mod checkpoint;
pub mod checkpoint_file;
pub(crate) mod classes;
pub mod commands;
pub mod describe;
pub mod described;
pub mod export;
pub mod exported;
pub(crate) mod head;
pub mod import;
pub mod network;
pub(crate) mod origin;
pub mod zip_directory;

//! Weight files: the project's own ([`checkpoint`]), those of other programs ([`checkpoint_file`], which
//! only reads), `trainer import` from those and `trainer export` for them, and the
//! `origin` that weights name. Networks of other programs are read by [`exported`].

pub mod bcosify;
pub mod checkpoint;
pub mod checkpoint_file;
pub(crate) mod classes;
pub mod commands;
pub mod describe;
pub mod described;
pub mod export;
pub mod exported;
pub mod import;
pub mod network;
pub(crate) mod origin;
pub mod zip_directory;

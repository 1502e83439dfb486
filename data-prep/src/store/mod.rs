//! Writes and reads files.
//!
//! Tables of all programs: `table` writes and reads one, with the columns that `schemas.toml` declares; `former`
//! completes one of the version before. Those of a data folder: `schema` names them and the folder's other
//! file, and `tables` writes them from a source's records. That other file has the pixels, and `pixels` writes
//! and reads it.
//!
//! Each is written with `atomic`: it appears whole or not at all. `pages` opens a Parquet file that may be broken
//! or made to do harm, and has `thrift` check the lengths in its footer and page headers.

pub mod atomic;
pub mod former;
pub mod pages;
pub mod pixels;
pub mod schema;
pub mod table;
pub mod tables;
mod thrift;

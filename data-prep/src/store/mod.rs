//! Writes and reads files: the Parquet tables of all programs, and the pixel file of a data folder.
//!
//! `table` writes and reads a table with the columns that `schemas.toml` declares; `former` adds the columns that
//! a table of the previous version lacks. `schema` names the files of a data folder, `tables` writes its tables
//! from a source's records (a source is a data set as it comes), and `pixels` writes and reads its pixel file.
//!
//! Each file is written with `atomic`: it appears whole or not at all. `pages` opens a Parquet file that may be
//! broken or made to do harm, and has `thrift` check the lengths in its footer and page headers.

pub mod atomic;
pub mod former;
pub mod pages;
pub mod pixels;
pub mod schema;
pub mod table;
pub mod tables;
mod thrift;

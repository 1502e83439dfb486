//! Writes and reads files: tables (`table` for those of all programs, `former` for the version before one,
//! `schema` and `tables` for a data folder's) and the pixel file (`pixels`). `atomic` writes files whole or
//! not at all; `pages` and `thrift` make Parquet files of others safe to read.

pub mod atomic;
pub mod former;
pub mod pages;
pub mod pixels;
pub mod schema;
pub mod table;
pub mod tables;
mod thrift;

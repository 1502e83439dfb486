//! The library of `data-prep`: converts image data sets to tables and a file of pixels (together: a data
//! folder), opens these for the other crates, and turns annotated boxes and shapes into masks.
//!
//! An image goes through the modules in this order. A reader in [`source`] yields [`record`]s (images with
//! their annotations). [`convert`] decodes and resizes the image files (`image`) and writes the [`pixels`]
//! and the tables of [`schema`] (`store`). [`dataset`] opens the result for the later stages, with the
//! masks of `mask`. [`inspect`] shows it to a person. This crate knows no metric and no network.

pub mod cli;
pub mod convert;
pub mod dataset;
pub mod error;
pub mod foreign;
mod image;
pub mod inspect;
mod mask;
pub mod source;
mod store;
mod survey;
mod words;

pub use error::{Error, Problem, Result};
pub use image::{decode, raster, resize};
pub use mask::{geometry, polygon, rle};
pub use source::record;
pub use store::tables::write_skipped;
pub use store::{atomic, pages, pixels, schema, table};

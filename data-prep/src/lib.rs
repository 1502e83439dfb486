//! Image data sets to mask tables and pixels, the readers of both, and the mask geometry.
//!
//! An image's way: a source reader ([`voc`], [`coco`], [`waterbirds`]; [`scenes`] draws a data set
//! for the VOC reader) yields [`record`]s; [`pipeline`] reads, decodes and resizes the files
//! ([`decode`], [`resize`]) and writes [`pixels`] and the tables of [`schema`] through [`table`];
//! [`dataset`] opens the result for the later stages. No metric and no network is known here.

pub mod atomic;
pub mod cli;
pub mod coco;
pub mod dataset;
pub mod decode;
mod decoding;
pub mod error;
pub mod foreign;
pub mod geometry;
pub mod inspect;
mod jpeg;
pub mod naming;
pub mod pages;
pub mod pipeline;
pub mod pixels;
pub mod polygon;
pub mod record;
pub mod resize;
pub mod rle;
pub mod scenes;
pub mod schema;
pub mod table;
pub mod tables;
mod thrift;
mod vectorised;
pub mod voc;
mod voc_segmentation;
pub mod waterbirds;

pub use error::{Error, Problem, Result};

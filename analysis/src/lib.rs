//! Result tables to the paper's tables, figures and report.
//!
//! A results folder holds `runs/<run id>/…` as training and scoring left it. This crate reads those
//! Parquet tables ([`load`]), chooses one checkpoint of each run on the validation split
//! ([`select`]), puts the guided runs beside their baselines ([`comparison`]) and writes what people
//! read: [`table`], [`figure`] and [`report`]. It knows the other crates only by the schemas of their
//! tables and computes no metric: values come from `metrics.parquet`, intervals are percentiles of
//! `replicates.parquet`.

pub mod cli;
pub mod colormap;
pub mod comparison;
mod error;
pub mod figure;
pub mod format;
pub mod headline;
pub mod intervals;
pub mod load;
pub mod names;
pub mod output;
pub mod report;
pub mod run;
pub mod schema;
pub mod select;
pub mod table;

pub use error::{Error, Result};

//! Result tables to the paper's tables, figures and report.
//!
//! A results folder holds `runs/<run id>/…` as training and scoring left it. This crate reads those
//! Parquet tables ([`load`]), chooses one checkpoint of each run on the validation split
//! ([`select`]), puts the guided runs beside their baselines ([`comparison`]) and makes of them what
//! the paper shows ([`exhibit`]): every [`table`] in four formats, every [`figure`] in two, and a
//! [`report`] of it all. It knows the other crates only by the schemas of their
//! tables and computes no metric: values come from `metrics.parquet`, intervals are percentiles of
//! `replicates.parquet`.

pub mod cli;
pub mod colormap;
pub mod comparison;
pub mod configuration;
mod error;
pub mod evidence;
pub mod exhibit;
pub mod figure;
pub mod format;
pub mod front;
pub mod groups;
mod guarded;
pub mod headline;
pub mod intervals;
pub mod load;
pub mod names;
pub mod output;
mod pages;
pub mod published;
pub mod query;
pub mod report;
pub mod run;
pub mod schema;
pub mod seeds;
pub mod select;
pub mod summary;
pub mod table;
pub mod training;
pub mod verdict;
pub mod written;

pub use error::{Error, Result};

//! Result tables to the paper's tables, figures and report.
//!
//! A results folder holds `runs/<run id>/…` as training and scoring left it. This crate reads those
//! Parquet tables ([`load`]), chooses one checkpoint of each run on the validation split
//! ([`model::select`]), puts the guided runs beside their baselines ([`model::comparison`]), decides the
//! paper's claims ([`claims`]) and makes what the paper shows ([`exhibit`]): every table in four formats,
//! every figure in two, and a report of it all ([`render`]). It knows the other crates only by the schemas
//! of their tables and computes no metric: values come from `metrics.parquet`, intervals are percentiles
//! of `replicates.parquet`.

pub mod claims;
pub mod cli;
mod error;
pub mod exhibit;
mod format;
pub mod load;
pub mod model;
pub mod paper;
pub mod query;
pub mod render;
pub mod vocabulary;

pub use error::{Error, Result};

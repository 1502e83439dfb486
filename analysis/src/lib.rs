//! Makes the paper's tables and figures, and a report, from the tables that training and scoring wrote.
//!
//! The paper (Rao, Böhle et al., ICCV 2023) trains image classifiers with a localization loss on their
//! attribution maps. A run is one training: guided, with that loss, or a baseline, without it.
//!
//! A results folder holds `runs/<run id>/…` with Parquet tables. This crate reads them ([`load`]),
//! chooses one checkpoint of each run on the validation split ([`model::select`]), compares guided runs
//! with their baselines ([`model::comparison`]), decides the paper's claims ([`claims`]), makes the
//! paper's tables and figures ([`exhibit`]), and writes every table in four formats, every figure in two,
//! and a report of them all ([`render`]). It knows the other crates only by the schemas of their tables.
//! It computes no metric: values come from `metrics.parquet`, those of validation from `epochs.parquet`, those of the
//! gallery's pairs (an image and a class on it) from `scores.parquet`. What chance may do to them ([`statistics`])
//! comes from several seeds and from the bootstrap resamples in `replicates.parquet`. The values of single pairs in
//! `faithfulness.parquet` are averaged here, with Student's interval over images.

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
pub mod statistics;
pub mod vocabulary;

pub use error::{Error, Result};

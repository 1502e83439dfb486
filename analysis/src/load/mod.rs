//! Reads a results folder into the structs of [`crate::model`]. [`schema`] reads one table and checks its
//! columns and types; `guarded` and `pages` protect it from damaged files. `rows` turns a table into
//! structs. [`results`] reads all runs (trainings) and evaluations of a folder (an evaluation is one checkpoint's
//! maps of one split, scored). `formulas` checks that the evaluations were made by one version of the metrics'
//! formulas, `resamples` that all have the same bootstrap resamples. [`examples`] reads the example maps of the
//! checkpoints that are reported, [`gallery`] small copies of all maps, [`pictures`] the images.

pub mod examples;
mod faithfulness;
mod formulas;
pub mod gallery;
mod guarded;
mod pages;
pub mod pictures;
mod resamples;
pub mod results;
mod rows;
pub mod schema;

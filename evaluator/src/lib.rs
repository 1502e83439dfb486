//! EPG, IoU, F1 and mAP of attribution maps and logits against mask tables (SPEC B), for our trainer
//! and for any other tool's maps.
//!
//! A map's way: [`maps`] reads it (or the trainer hands it over), [`upsample`] brings it to the grid,
//! [`pair`] measures it with [`energy`] and [`iou`]; [`score`] does that for a whole file against a
//! data folder, adds [`classification`] of the [`predictions`] and [`bootstrap`] replicates, averages
//! in [`metrics`] and writes the [`tables`], with IoU's threshold [`tuned`] on another split's
//! evaluation; [`compare`] tests two evaluations against each other. No network is known here, and
//! masks are data-prep's.

pub mod bootstrap;
pub mod classification;
pub mod columnar;
pub mod compare;
pub mod energy;
pub mod error;
pub mod evaluated;
pub mod evaluation;
pub mod examples;
pub mod grid_pointing;
pub mod iou;
pub mod maps;
pub mod means;
pub mod metrics;
pub mod pair;
pub mod paired_test;
mod pairs;
pub mod predictions;
mod random;
pub mod scope;
pub mod score;
pub mod tables;
pub mod tuned;
pub mod upsample;

pub use error::{Error, Result};
pub use pair::{PairScore, score_pair};

/// This program in the metadata of its tables.
pub(crate) const PROGRAM: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

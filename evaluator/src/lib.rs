//! EPG, IoU, F1 and mAP of attribution maps and logits against mask tables (SPEC B), for our trainer
//! and for any other tool's maps.
//!
//! A map's way: [`maps`] reads it (or the trainer hands it over), [`regrid`] brings it to the grid,
//! [`pair`] measures it with [`energy`] and [`iou`]; [`score`] does that for a whole file against a
//! data folder, adds [`classification`] of the [`predictions`] and [`bootstrap`] replicates, averages
//! in [`metrics`] and writes the [`tables`], with IoU's threshold [`tuned`] on another split's
//! evaluation; `warnings` says where a number means less than it seems to; [`compare`] tests two evaluations against each other. No network is known here, and
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
pub mod regrid;
pub mod scope;
pub mod score;
pub mod tables;
pub mod tuned;
mod warnings;

pub use error::{Error, Result};
pub use pair::{PairScore, score_pair};

/// Version of the formulas (docs/SPEC.md B) and of what they are fed: whatever changes a number that
/// `evaluator score` makes of the same maps raises it, and evaluations of another value are neither
/// compared nor mixed with these. 1 had no such mark: it sampled maps finer than the grid, and
/// epg_defined, segment_epg and on_object depended on a map's scale.
pub const FORMULAS: u32 = 2;

/// This program in the metadata of its tables.
pub(crate) const PROGRAM: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

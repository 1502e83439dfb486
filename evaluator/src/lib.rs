//! EPG, IoU, F1 and mAP of attribution maps and logits against mask tables (SPEC B), for our trainer
//! and for any other tool's maps.
//!
//! A map's way: [`maps`] reads it (or the trainer hands it over), [`upsample`] brings it to the grid,
//! [`pair`] measures it with [`energy`] and [`iou`]; [`score`] does that for a whole file against a
//! data folder, adds [`classification`] of the [`predictions`] and [`bootstrap`] replicates, averages
//! in [`metrics`] and writes the [`tables`]. No network is known here, and masks are data-prep's.

pub mod bootstrap;
pub mod classification;
pub mod columnar;
pub mod energy;
pub mod error;
pub mod examples;
pub mod grid_pointing;
pub mod iou;
pub mod maps;
pub mod metrics;
pub mod pair;
mod pairs;
pub mod predictions;
pub mod score;
pub mod tables;
pub mod upsample;

pub use error::{Error, Result};
pub use pair::{PairScore, score_pair};

//! The evaluator: computes EPG (energy pointing game, the share of positive attribution inside the boxes), IoU,
//! F1 and mAP of attribution maps and logits against the masks of a data folder (docs/SPEC.md B), for our trainer's
//! maps and for those of any other tool.
//!
//! A map goes through the modules in this order. [`maps`] reads it (or the trainer hands it over) and
//! brings it to the grid, the data folder's raster of masks. [`metrics`] has the formulas for one map and
//! one mask. [`evaluate`] applies them to a whole file against a data folder, takes means and bootstrap
//! resamples, and writes the tables. [`compare`] tests two evaluations against each other. This crate knows
//! no network; the geometry of masks is in data-prep.

pub mod compare;
pub mod error;
pub mod evaluate;
pub mod maps;
pub mod metrics;
mod random;

pub use error::{Error, Result};
pub use metrics::pair::{PairScore, score_pair};

/// Version of the formulas (docs/SPEC.md B) and of their inputs. Every change by which `evaluator score`
/// gives other numbers for the same maps raises it; evaluations of different versions are neither compared
/// nor mixed. Tables of version 1 do not name it. That version sampled maps with more cells than the grid,
/// and its epg_defined, segment_epg and on_object depended on a map's scale. Version 2 played the pointing game
/// on the grid, version 3 plays it at the image's size.
pub const FORMULAS: u32 = 3;

/// Returns the versions of the formulas and of an evaluation's tables, a line `name = version` for each. An
/// evaluation with other versions is made again.
pub fn versions() -> String {
    use evaluate::{EXAMPLES, IOU, METRICS, PREDICTIONS, REPLICATES, SCORES};
    let tables = [
        &PREDICTIONS,
        &SCORES,
        &IOU,
        &METRICS,
        &REPLICATES,
        &EXAMPLES,
    ];
    let tables = tables.map(|table| format!("{} = {}\n", table.name, table.version));
    format!("formulas = {FORMULAS}\n{}", tables.concat())
}

/// The name and version of this program in the metadata of its tables.
pub const PROGRAM: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

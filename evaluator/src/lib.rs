//! EPG, IoU, F1 and mAP of attribution maps and logits against mask tables (SPEC B), for our trainer
//! and for any other tool's maps.
//!
//! The way of a map: [`maps`] reads it (or the trainer hands it over) and brings it to the grid;
//! [`metrics`] has the formulas for one map and one mask; [`evaluate`] applies them to a whole file
//! against a data folder, takes means and bootstrap resamples, and writes the tables; [`compare`] tests
//! two evaluations against each other. No network is known here, and masks are data-prep's.

pub mod compare;
pub mod error;
pub mod evaluate;
pub mod maps;
pub mod metrics;
mod random;

pub use error::{Error, Result};
pub use metrics::pair::{PairScore, score_pair};

/// Version of the formulas (docs/SPEC.md B) and of what they are fed: whatever changes a number that
/// `evaluator score` makes of the same maps raises it, and evaluations of another value are neither
/// compared nor mixed with these. 1 had no such mark: it sampled maps finer than the grid, and
/// epg_defined, segment_epg and on_object depended on a map's scale.
pub const FORMULAS: u32 = 2;

/// The versions of the formulas and of the tables of an evaluation, a line `name = version` each. An
/// evaluation is made again where they were others.
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

/// This program in the metadata of its tables.
pub const PROGRAM: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

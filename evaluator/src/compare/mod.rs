//! `evaluator compare`: two evaluations of the same images, metric by metric. How much greater is B's
//! than A's, between what bounds, and could that be chance?
//!
//! The metrics that have replicates are compared. A metric of logits says how it is tested over images; a
//! mean over pairs is tested by permutation: the pairs of an image change sides together.
//!
//! Values are those of `metrics.parquet`. An interval goes from the 2.5th to the 97.5th percentile of
//! the differences of the two evaluations' replicates, which were drawn on the same images; there is
//! none without replicates. The permutation test's statistic is the difference that is reported, so
//! each pair counts once there, too; a pair that does not count in the mean of one of the two does not count
//! in the test. A metric is compared where both evaluations have it. P-values are of single tests. Two
//! precisions of one checkpoint may be compared.
//!
//! Predictions are read from `predictions.parquet` in each folder. `evaluator score` writes it, and the hash
//! of its logits must be that of the scored ones.

mod images;
mod paired;
mod paired_test;
mod run;
mod scores;
mod sides;

pub use paired::{CompareOptions, Paired, Test};
pub use run::{Comparison, compare};

//! `evaluator compare`: two evaluations of the same images, metric by metric. How much greater is B's
//! than A's, between what bounds, and could that be chance?
//!
//! Compared are the metrics that have replicates: F1, mAP and accuracy, and the means over pairs. Each says
//! itself how it is tested over images: by permutation, where an image's pairs (F1: its predictions) change
//! sides together; accuracy by McNemar's exact test; mAP not at all, as it would have to be ranked anew for
//! each permutation.
//!
//! Values are those of `metrics.parquet`. An interval goes from the 2.5th to the 97.5th percentile of
//! the differences of the two evaluations' replicates, which were drawn on the same images; there is
//! none without replicates. The permutation test's statistic is the difference that is reported, so
//! each pair counts once there, too; a pair whose
//! value is left out of the mean of one of the two is left out of the test. A metric is compared where both evaluations have it. P-values are
//! of single tests. Two precisions of one checkpoint may be compared.
//!
//! Predictions are `predictions.parquet` in each folder, which `evaluator score` puts there; they must be
//! those it scored.

mod images;
mod paired;
mod paired_test;
mod run;
mod scores;
mod sides;

pub use paired::{CompareOptions, Paired, Test};
pub use run::{Comparison, compare};

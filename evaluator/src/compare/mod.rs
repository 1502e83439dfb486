//! `evaluator compare`: two evaluations of the same images, metric by metric. How much greater is B's
//! than A's, between what bounds, and could that be chance?
//!
//! | metric | interval | test over images |
//! |---|---|---|
//! | epg, iou, iou_tuned, segment_epg, on_object | bootstrap | permutation: an image's pairs change sides together |
//! | f1 | bootstrap | permutation: an image's predictions change sides |
//! | accuracy | bootstrap | McNemar's, exact |
//! | map | bootstrap | none: it would have to be ranked anew for each permutation |
//!
//! Values are those of `metrics.parquet`. An interval goes from the 2.5th to the 97.5th percentile of
//! the differences of the two evaluations' replicates, which were drawn on the same images; there is
//! none without replicates. The permutation test's statistic is the difference that is reported, so
//! each pair counts once there, too. A metric is compared where both evaluations have it. P-values are
//! of single tests. Two precisions of one checkpoint may be compared.
//!
//! Predictions are `predictions.parquet` in each folder, which `evaluator score` puts there; they must be
//! those it scored.

mod images;
mod paired;
mod paired_test;
mod run;
mod sides;

pub use paired::{CompareOptions, Paired, Test};
pub use run::{Comparison, compare};

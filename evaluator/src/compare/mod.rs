//! `evaluator compare` compares two evaluations of the same images, metric by metric: by how much is
//! B's value greater than A's, with which interval, and could that be chance? An evaluation is the folder of
//! tables that `evaluator score` writes about one checkpoint's maps of one split. A pair is an image and a class on
//! it. A replicate is a metric's value on one bootstrap resample of the images.
//!
//! Metrics with replicates are compared. Each metric of logits (F1, accuracy) says which test over images it takes.
//! A mean over pairs is tested by permutation; the pairs of an image are swapped together.
//!
//! Values are those of `metrics.parquet`. An interval goes from the 2.5th to the 97.5th percentile of
//! the differences of the two evaluations' replicates, which are of the same resamples; without
//! replicates, of which there must be 100, there is no interval. The statistic of the permutation test is the reported difference,
//! so each pair counts once in it. A pair that does not count in the mean of one evaluation does not
//! count in the test. Metrics that only one evaluation has are not compared. P-values are not corrected
//! for multiple tests. The two may also be of one checkpoint, computed in two precisions.
//!
//! A side may have several evaluations, the same run with other seeds. Then means are compared, and with several on
//! both sides interval and p-value count seeds and images ([`over_seeds`]); with equally many, those at the same
//! place are pairs (a guided run and its baseline).
//!
//! Predictions are read from the `predictions.parquet` that `evaluator score` wrote into each folder.
//! The hash of its logits must be that of the scored ones.

mod images;
mod over_seeds;
mod paired;
mod paired_test;
mod run;
mod scores;
mod several;
mod sides;

pub use paired::{CompareOptions, Paired, Test};
pub use run::{Comparison, compare};

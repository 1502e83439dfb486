//! The metric `f1`: micro F1 (docs/SPEC.md B), from the true and false positives and the false negatives of all
//! images and classes together.

use super::metric::{Defined, PairedTest, PoolMetric};
use super::outcomes::Counts;

/// The metric; [`PoolMetric`] says what its fields mean.
pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "f1",
    title: "F1",
    defined: Defined::Always,
    value: |pool| pool.counts.f1(),
    interval: true,
    test: PairedTest::SwappedCounts,
};

/// Returns micro F1 over all images and classes; a class is predicted at logit ≥ 0. Where each image has one label,
/// `logits` are what [`decided`](super::decided) makes of them. `None` where no class is on an image and none was
/// predicted.
pub fn f1_micro(logits: &[f32], targets: &[bool]) -> Option<f64> {
    Counts::of(logits, targets).f1()
}

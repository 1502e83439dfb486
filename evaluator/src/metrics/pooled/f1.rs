//! Micro F1 (SPEC B).

use super::metric::{PairedTest, PoolMetric, Task};
use super::outcomes::Counts;

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "f1",
    title: "F1",
    task: Task::Any,
    value: |pool| pool.counts.f1(),
    interval: true,
    test: PairedTest::SwappedCounts,
};

/// Micro F1: pooled over all images and classes at logit ≥ 0. `None` where nothing is positive and
/// nothing was predicted.
pub fn f1_micro(logits: &[f32], targets: &[bool]) -> Option<f64> {
    Counts::of(logits, targets).f1()
}

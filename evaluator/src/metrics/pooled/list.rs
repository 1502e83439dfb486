//! All metrics of a split's logits, in the order of the tables.

use super::metric::PoolMetric;

/// The metrics of logits over all images or a group.
pub const POOL_METRICS: &[PoolMetric] = &[
    super::f1::METRIC,
    super::map::METRIC,
    super::accuracy_cells::METRIC,
    super::accuracy::METRIC,
];

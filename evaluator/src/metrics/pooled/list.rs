//! Lists all metrics of a split's logits, in the order of the tables.

use super::metric::PoolMetric;

/// The metrics of the logits of all images or of a group.
pub const POOL_METRICS: &[PoolMetric] = &[
    super::f1::METRIC,
    super::f1_informative::METRIC,
    super::map::METRIC,
    super::accuracy_cells::METRIC,
    super::accuracy::METRIC,
    super::accuracy_top5::METRIC,
];

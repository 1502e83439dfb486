//! The metric `map`, mean average precision (mAP): the mean over classes of each class's average precision.
//! Classes that are on no image have no average precision and are left out (docs/SPEC.md B).

use super::metric::{Defined, PairedTest, PoolMetric};
use crate::metrics::mean;

/// The metric; [`PoolMetric`] says what its fields mean.
pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "map",
    title: "mAP",
    defined: Defined::Always,
    value: |pool| mean(pool.precisions.iter().copied().flatten()),
    interval: true,
    test: PairedTest::None,
};

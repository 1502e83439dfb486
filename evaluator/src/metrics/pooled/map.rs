//! Macro mean average precision, over the classes that an image has (SPEC B).

use super::metric::{PairedTest, PoolMetric, Task};
use crate::metrics::mean;

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "map",
    title: "mAP",
    task: Task::Any,
    value: |pool| mean(pool.precisions.iter().copied().flatten()),
    interval: true,
    test: PairedTest::None,
};

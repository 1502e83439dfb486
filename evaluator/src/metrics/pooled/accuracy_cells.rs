//! The metric `accuracy_cells`: the share of cells (images × classes) that are predicted right, at logit ≥
//! 0.

use super::metric::{PairedTest, PoolMetric, Task};

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy_cells",
    title: "Accuracy over cells",
    task: Task::Any,
    value: |pool| pool.counts.accuracy(),
    interval: false,
    test: PairedTest::None,
};

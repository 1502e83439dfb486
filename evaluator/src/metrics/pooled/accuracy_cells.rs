//! Share of cells (images × classes) that are predicted right.

use super::metric::{PairedTest, PoolMetric, Task};

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy_cells",
    title: "Accuracy over cells",
    task: Task::Any,
    value: |pool| pool.counts.accuracy(),
    interval: false,
    test: PairedTest::None,
};

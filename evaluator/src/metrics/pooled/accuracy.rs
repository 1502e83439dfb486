//! Share of images whose greater logit is their label, where there are two classes and every image has one
//! label (Waterbirds, SPEC B).

use super::metric::{PairedTest, PoolMetric, Task};

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy",
    title: "Accuracy",
    task: Task::OneOfTwo,
    value: |pool| (pool.n_judged > 0).then(|| pool.n_right as f64 / pool.n_judged as f64),
    interval: true,
    test: PairedTest::McNemar,
};

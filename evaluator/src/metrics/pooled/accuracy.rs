//! The metric `accuracy`: the share of images whose greater logit is that of their label. It is defined for
//! data with two classes and exactly one label on every image (Waterbirds, docs/SPEC.md B).

use super::metric::{PairedTest, PoolMetric, Task};

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy",
    title: "Accuracy",
    task: Task::OneOfTwo,
    value: |pool| (pool.n_judged > 0).then(|| pool.n_right as f64 / pool.n_judged as f64),
    interval: true,
    test: PairedTest::McNemar,
};

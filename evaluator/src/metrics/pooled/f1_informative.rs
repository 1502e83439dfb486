//! The metric `f1_informative`: micro F1 as `f1`, over the classes that can say something (docs/SPEC.md B), in
//! data that also has classes which cannot. A class on nearly every image is predicted everywhere, and lifts
//! F1 with no network at all.

use super::metric::{PairedTest, PoolMetric, Task};

pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "f1_informative",
    title: "F1, informative classes",
    task: Task::SomeUninformative,
    value: |pool| pool.informative.f1(),
    interval: true,
    test: PairedTest::None,
};

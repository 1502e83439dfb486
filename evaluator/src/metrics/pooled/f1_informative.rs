//! The metric `f1_informative`: micro F1 as `f1`, over the classes that can say something (docs/SPEC.md B). Only data
//! that also has classes which cannot has this metric. A class on nearly every image, for example, raises F1 if it
//! is simply predicted everywhere.

use super::metric::{Defined, PairedTest, PoolMetric};

/// The metric; [`PoolMetric`] says what its fields mean.
pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "f1_informative",
    title: "F1, informative classes",
    defined: Defined::SomeUninformative,
    value: |pool| pool.informative.f1(),
    interval: true,
    test: PairedTest::None,
};

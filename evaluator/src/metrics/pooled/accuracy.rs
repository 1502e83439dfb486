//! The metric `accuracy`: the share of images whose greatest logit is that of their label. It is defined for
//! data with exactly one label on every image, such as Waterbirds (docs/SPEC.md B).

use super::metric::{Defined, PairedTest, PoolMetric};

/// The metric; [`PoolMetric`] says what its fields mean.
pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy",
    title: "Accuracy",
    defined: Defined::OneLabel,
    value: |pool| pool.share_of_judged(pool.n_right),
    interval: true,
    test: PairedTest::McNemar,
};

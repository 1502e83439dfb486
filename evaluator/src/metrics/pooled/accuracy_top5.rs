//! The metric `accuracy_top5`: the share of images whose label has one of the five greatest logits
//! (docs/SPEC.md B). It is defined where `accuracy` is (exactly one label on every image), for more than five
//! classes.

use super::metric::{Defined, PairedTest, PoolMetric};

/// The metric; [`PoolMetric`] says what its fields mean.
pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy_top5",
    title: "Top-5 accuracy",
    defined: Defined::OneLabelOfMany,
    value: |pool| pool.share_of_judged(pool.n_in_top5),
    interval: true,
    test: PairedTest::None,
};

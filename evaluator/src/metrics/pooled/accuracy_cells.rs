//! The metric `accuracy_cells`: the share of cells (images × classes) that are predicted right. A class is predicted
//! at logit ≥ 0, or, where images show exactly one class, where its logit is the greatest.

use super::metric::{Defined, PairedTest, PoolMetric};

/// The metric; [`PoolMetric`] says what its fields mean.
pub(super) const METRIC: PoolMetric = PoolMetric {
    name: "accuracy_cells",
    title: "Accuracy over cells",
    defined: Defined::Always,
    value: |pool| pool.counts.accuracy(),
    interval: false,
    test: PairedTest::None,
};

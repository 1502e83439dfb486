//! The metric `mask_area` of a pair (an image and a class on it): the number of grid cells inside the
//! class's mask.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "mask_area",
    title: "Cells in the boxes",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.mask_area as f64),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
};

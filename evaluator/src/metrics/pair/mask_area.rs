//! Cells of the grid inside the boxes, Σ M.

use super::metric::{Mean, Over, PairMetric, Threshold};

pub(super) const METRIC: PairMetric = PairMetric {
    name: "mask_area",
    title: "Cells in the boxes",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.mask.area() as f64),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
};

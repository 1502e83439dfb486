//! The metric `mask_area` of a pair (an image and a class on it): the number of cells inside the class's mask, the
//! union of its boxes on the grid (the size to which all images of the data were brought).

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "mask_area",
    title: "Cells in the boxes",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| Some(pair.mask_area as f64),
    mean: Mean::NotTaken,
    interval: false,
    share: false,
    standard: true,
};

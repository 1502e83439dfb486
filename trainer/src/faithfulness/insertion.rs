//! Insertion (Petsiuk et al. 2018, docs/SPEC.md L): the highest cells are put into the baseline first. Where they are
//! what the network looks at, the probability of the class rises early.

use crate::faithfulness::curve;
use crate::faithfulness::measure::Measure;

pub(super) const MEASURE: Measure = Measure {
    name: "insertion",
    title: "Insertion AUC",
    images: |pair| Some(curve::images(pair, true)),
    value: curve::auc,
};

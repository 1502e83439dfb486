//! Deletion (Petsiuk et al. 2018, docs/SPEC.md L): the highest cells are taken from the image first. Where they are
//! what the network looks at, the probability of the class falls early.

use crate::faithfulness::curve;
use crate::faithfulness::measure::Measure;

pub(super) const MEASURE: Measure = Measure {
    name: "deletion",
    title: "Deletion AUC",
    images: |pair| Some(curve::images(pair, false)),
    value: curve::auc,
};

//! Makes the exhibit `map_f1`: the Pareto fronts of each loss's checkpoints in mean average precision (mAP) and F1
//! (paper, supplement). Both measure classification, so the figure shows whether it matters that F1 was chosen.
//! [`pareto`] draws it.

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::measure::MAP;

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "map_f1",
    title: "mAP against F1",
    about: "mAP against F1 (supplement)",
    make: |evidence, _| Ok(pareto::make(evidence, &AGAINST)),
    said: None,
};

/// The metric against F1. There is no figure by group of images.
const AGAINST: Against = Against {
    name: "map_f1",
    groups_name: None,
    metrics: &[MAP],
};

//! Makes the exhibit `map_f1`: mean average precision against F1, two measures of classification, drawn as the
//! fronts of EPG and IoU are (the paper's supplement is said to have mAP fronts): it shows whether the choice of
//! F1 matters. [`pareto`] draws it.

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

/// The metric against F1.
const AGAINST: Against = Against {
    name: "map_f1",
    groups_name: None,
    metrics: &[MAP],
};

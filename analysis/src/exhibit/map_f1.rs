//! mAP against F1 (paper, supplement).

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::measure::MAP;

pub(super) const ENTRY: Entry = Entry {
    name: "map_f1",
    title: "mAP against F1",
    about: "mAP against F1 (supplement)",
    make: |evidence, _| Ok(pareto::make(evidence, &AGAINST)),
    said: None,
};

const AGAINST: Against = Against {
    name: "map_f1",
    groups_name: None,
    metrics: &[MAP],
};

//! mAP against F1 (paper, supplement).

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::names::Measure;

pub(super) const ENTRY: Entry = Entry {
    name: "map_f1",
    title: "mAP against F1",
    about: "mAP against F1 (supplement)",
    make: |evidence, _| Ok(pareto::make(evidence, &MAP)),
    said: None,
};

const MAP: Against = Against {
    name: "map_f1",
    groups_name: None,
    measures: &[Measure::Map],
};

//! EPG against F1 (paper, Fig. 5).

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::measure::EPG;

pub(super) const ENTRY: Entry = Entry {
    name: "epg_f1",
    title: "EPG against F1",
    about: "EPG against F1: fronts of every loss, a panel for each network, method and layer (Fig. 5)",
    make: |evidence, _| Ok(pareto::make(evidence, &AGAINST)),
    said: None,
};

const AGAINST: Against = Against {
    name: "epg_f1",
    groups_name: Some("epg_f1_groups"),
    metrics: &[EPG],
};

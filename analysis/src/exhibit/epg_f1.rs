//! Makes the exhibit `epg_f1`: the Pareto fronts of each loss's checkpoints in EPG and F1, a panel for each
//! network, attribution method and layer (paper, Fig. 5). [`pareto`] draws it.

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::measure::EPG;

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "epg_f1",
    title: "EPG against F1",
    about: "EPG against F1: fronts of every loss, a panel for each network, method and layer (Fig. 5)",
    make: |evidence, _| Ok(pareto::make(evidence, &AGAINST)),
    said: None,
};

/// The metric against F1, and the names of the figure of all images and of the one by group of images.
const AGAINST: Against = Against {
    name: "epg_f1",
    groups_name: Some("epg_f1_groups"),
    metrics: &[EPG],
};

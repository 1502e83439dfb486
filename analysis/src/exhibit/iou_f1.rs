//! Makes the exhibit `iou_f1`: the Pareto fronts of each loss's checkpoints in IoU and F1 (paper, Fig. 6). IoU's
//! threshold on the map is the one chosen on validation if all runs have one, else the fixed one. [`pareto`] draws
//! it.

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::measure::{IOU, IOU_TUNED};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "iou_f1",
    title: "IoU against F1",
    about: "IoU against F1 (Fig. 6)",
    make: |evidence, _| Ok(pareto::make(evidence, &AGAINST)),
    said: None,
};

/// The metrics against F1; the first that all runs have is shown. There is no figure by group of images.
const AGAINST: Against = Against {
    name: "iou_f1",
    groups_name: None,
    metrics: &[IOU_TUNED, IOU],
};

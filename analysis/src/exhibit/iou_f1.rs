//! IoU against F1 (paper, Fig. 6), at the threshold chosen on validation where there is one.

use crate::exhibit::entry::Entry;
use crate::exhibit::shared::pareto::{self, Against};
use crate::model::measure::{IOU, IOU_TUNED};

pub(super) const ENTRY: Entry = Entry {
    name: "iou_f1",
    title: "IoU against F1",
    about: "IoU against F1 (Fig. 6)",
    make: |evidence, _| Ok(pareto::make(evidence, &AGAINST)),
    said: None,
};

const AGAINST: Against = Against {
    name: "iou_f1",
    groups_name: None,
    metrics: &[IOU_TUNED, IOU],
};

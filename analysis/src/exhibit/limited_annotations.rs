//! Makes the exhibit `limited_annotations`: runs in which only a share of the training images has boxes,
//! beside runs in which all have (paper, Fig. 12). [`variation`] draws it.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::variation::{self, Layout, Variation, percent};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, IOU, IOU_TUNED};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "limited_annotations",
    title: "Few annotations",
    about: "Few annotated images (Fig. 12)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes the exhibit from runs with undilated boxes; of these only the share of annotated images varies.
fn make(evidence: &Evidence) -> Made {
    variation::make(
        evidence,
        &Variation {
            name: "limited_annotations",
            about: "Only a share of the training images has boxes.",
            metrics: &[EPG, IOU_TUNED, IOU],
            layout: Layout::LossByLoss,
            includes: |v| v.annotation == "box" && v.dilation.0 == 0.0,
            label: |v| percent(v.annotated_fraction.0),
            missing: "no scored run has few annotations",
        },
    )
}

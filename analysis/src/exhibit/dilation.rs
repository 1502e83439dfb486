//! Makes the exhibit `dilation`: runs guided by boxes that were dilated in training (each side moved outwards by
//! a share of the box's size), beside runs guided by the boxes as they are (paper, Fig. 10 and 11). [`variation`]
//! draws it.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::variation::{self, Layout, Variation, percent};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, IOU, IOU_TUNED};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "dilation",
    title: "Dilated boxes",
    about: "Boxes dilated in training (Fig. 10 and 11)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes the exhibit from runs with boxes on all training images; of these only the dilation varies.
fn make(evidence: &Evidence) -> Made {
    variation::make(
        evidence,
        &Variation {
            name: "dilation",
            about: "Boxes dilated in training by a share of their size to each side; scored against \
                    the boxes as they are.",
            metrics: &[EPG, IOU_TUNED, IOU],
            layout: Layout::LossByLoss,
            includes: |v| v.annotation == "box" && v.annotated_fraction.0 >= 1.0,
            label: |v| percent(v.dilation.0),
            missing: "no scored run has dilated boxes",
        },
    )
}

//! Few annotated images (paper, Fig. 12).

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::variation::{self, Layout, Variation, percent};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, IOU, IOU_TUNED};

pub(super) const ENTRY: Entry = Entry {
    name: "limited_annotations",
    title: "Few annotations",
    about: "Few annotated images (Fig. 12)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Few annotated images.
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

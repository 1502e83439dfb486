//! Segmentations in place of boxes (reproduction study), and how much attribution lies on the object.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::variation::{Layout, Variation, exhibit, here, percent};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, ON_OBJECT, SEGMENT_EPG};
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;

pub(super) const ENTRY: Entry = Entry {
    name: "segmentation",
    title: "Segmentations",
    about: "Segmentations in place of boxes, and how much attribution lies on the object itself",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Segmentations in place of boxes, and what lies on the object itself.
fn make(evidence: &Evidence) -> Made {
    let variation = Variation {
        name: "segmentation",
        about: "Guided by boxes, or by segmentations where an image has them.",
        metrics: &[EPG, SEGMENT_EPG, ON_OBJECT],
        layout: Layout::Together,
        includes: |v| v.dilation.0 == 0.0,
        label: |v| match v.annotation.as_str() {
            "box" => format!("boxes, {}", percent(v.annotated_fraction.0)),
            other => format!("{other}, {}", percent(v.annotated_fraction.0)),
        },
        missing: "no scored run was guided by segmentations, and no scored image has one",
    };
    // Where nothing is varied, what lies on the object is of interest at the ends of the network.
    let has_masks = |setting: &Setting| {
        let mut rows = setting.rows.iter();
        let has_any = |row: &Row| row.cell(Part::All, ON_OBJECT).is_some_and(|c| c.n > 0);
        setting.is_at_end() && rows.any(has_any) && !here(setting, &variation).is_empty()
    };
    let guided = |setting: &Setting| {
        let here = here(setting, &variation);
        here.iter()
            .any(|run_set| run_set.variant().annotation != "box")
    };
    let settings: Vec<&Setting> = evidence
        .settings
        .iter()
        .filter(|setting| guided(setting) || has_masks(setting))
        .collect();
    exhibit(evidence, &settings, &variation)
}

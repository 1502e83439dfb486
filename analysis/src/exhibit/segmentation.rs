//! Makes the exhibit `segmentation`: runs guided by segmentations beside runs guided by boxes (a reproduction
//! study of the paper did this), scored by EPG on the boxes, by the share of attribution on the segmentation, and
//! by on-object EPG (attribution on the segmentation, divided by that in the boxes). [`exhibit`] draws it.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::variation::{Layout, Variation, exhibit, here, percent};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, ON_OBJECT, SEGMENT_EPG};
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "segmentation",
    title: "Segmentations",
    about: "Segmentations in place of boxes, and how much attribution lies on the object itself",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes the exhibit from the settings (runs trained and scored alike) in which a run was guided by
/// segmentations, or in which test images have segmentations to score by.
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
    // Without a run guided by segmentations, only the attribution on the object is left to show. It is shown
    // at the input and at the final layer, as the paper looks at these.
    let has_masks = |setting: &Setting| {
        let mut rows = setting.rows.iter();
        let has_any = |row: &Row| row.cell(Part::All, ON_OBJECT).is_some_and(|c| c.n > 0);
        setting.is_at_end() && rows.any(has_any) && !here(setting, &variation).is_empty()
    };
    // Whether a run of the setting was guided by segmentations.
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

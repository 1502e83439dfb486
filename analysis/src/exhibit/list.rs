//! Lists the exhibits in the order in which the report shows them: first what is drawn of the main question, then
//! the other figures, last what consists of tables. A new one needs a line here.

use crate::exhibit::entry::Entry;

/// All exhibits.
pub const EXHIBITS: &[Entry] = &[
    super::panel::ENTRY,
    super::epg_f1::ENTRY,
    super::classes::ENTRY,
    super::waterbirds::ENTRY,
    super::shares::ENTRY,
    super::box_size::ENTRY,
    super::iou_f1::ENTRY,
    super::map_f1::ENTRY,
    super::selection::ENTRY,
    super::backbones::ENTRY,
    super::deep_layers::ENTRY,
    super::stability::ENTRY,
    super::losses::ENTRY,
    super::dilation::ENTRY,
    super::limited_annotations::ENTRY,
    super::segmentation::ENTRY,
    super::verdicts::ENTRY,
    super::published::ENTRY,
];

/// The names of those that the page shows above the findings: it shows before it tells.
pub const ABOVE_FINDINGS: &[&str] = &[super::panel::ENTRY.name];

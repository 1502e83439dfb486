//! Lists the exhibits in the order in which the report shows them. A new one needs a line here.

use crate::exhibit::entry::Entry;

/// All exhibits.
pub const EXHIBITS: &[Entry] = &[
    super::verdicts::ENTRY,
    super::epg_f1::ENTRY,
    super::iou_f1::ENTRY,
    super::map_f1::ENTRY,
    super::selection::ENTRY,
    super::backbones::ENTRY,
    super::deep_layers::ENTRY,
    super::stability::ENTRY,
    super::losses::ENTRY,
    super::dilation::ENTRY,
    super::limited_annotations::ENTRY,
    super::waterbirds::ENTRY,
    super::segmentation::ENTRY,
    super::box_size::ENTRY,
    super::classes::ENTRY,
    super::panel::ENTRY,
    super::published::ENTRY,
];

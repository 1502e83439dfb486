//! Lists the exhibits (figures and tables of the report) in the order in which the report shows them: first the
//! figures on the main question, how guidance changes maps and F1, then the other figures, last the exhibits that
//! consist of tables alone. A new exhibit needs a line here.

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
    super::robustness::ENTRY,
    super::faithfulness::ENTRY,
    super::verdicts::ENTRY,
    super::published::ENTRY,
];

/// The names of the exhibits that the page shows above the findings, the sentences that sum up the results: maps
/// come first, then the text.
pub const ABOVE_FINDINGS: &[&str] = &[super::panel::ENTRY.name];

//! The exhibits, in the report's order.

use crate::exhibit::entry::Entry;
use crate::exhibit::{
    backbones, box_size, classes, deep_layers, dilation, epg_f1, iou_f1, limited_annotations,
    losses, map_f1, panel, published, segmentation, selection, verdicts, waterbirds,
};

/// All exhibits.
pub const EXHIBITS: &[Entry] = &[
    verdicts::ENTRY,
    epg_f1::ENTRY,
    iou_f1::ENTRY,
    map_f1::ENTRY,
    selection::ENTRY,
    backbones::ENTRY,
    deep_layers::ENTRY,
    losses::ENTRY,
    dilation::ENTRY,
    limited_annotations::ENTRY,
    waterbirds::ENTRY,
    segmentation::ENTRY,
    box_size::ENTRY,
    classes::ENTRY,
    panel::ENTRY,
    published::ENTRY,
];

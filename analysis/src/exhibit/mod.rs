//! Makes the tables and figures of the paper and its reproductions from our results. Each such exhibit has
//! a file here and a line in [`list`]; where its runs are missing, it tells which.
//!
//! The exhibits read [`crate::model::evidence::Evidence`]: all results. A *setting* holds runs that are
//! trained and scored alike, so that they can be compared; a *row* is one run (training) in it. A *configuration*
//! is all that decides a run except λ (the weight of the localization loss) and seed, and its *chosen* run is the
//! one that did best on validation.

mod backbones;
mod box_size;
mod classes;
mod deep_layers;
mod dilation;
pub mod entry;
mod epg_f1;
mod faithfulness;
mod iou_f1;
mod limited_annotations;
pub mod list;
mod losses;
pub mod made;
mod map_f1;
mod panel;
mod published;
mod robustness;
mod segmentation;
mod selection;
mod shared;
mod shares;
mod stability;
mod verdicts;
mod waterbirds;

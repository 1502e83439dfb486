//! The tables and figures of the paper and its reproductions, made of our results: one file for each
//! exhibit, and a line in [`list`]. An exhibit whose runs are missing tells which.

mod backbones;
mod box_size;
mod classes;
mod deep_layers;
mod dilation;
pub mod entry;
mod epg_f1;
mod iou_f1;
mod limited_annotations;
pub mod list;
mod losses;
pub mod made;
mod map_f1;
mod panel;
mod published;
mod segmentation;
mod selection;
mod shared;
mod stability;
mod verdicts;
mod waterbirds;

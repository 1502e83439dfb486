//! Reads YOLO exports, as Ultralytics, darknet, CVAT and LabelImg document them: for each image a text file, with a
//! line for each object. `config` reads the classes and splits, `images` finds the images and their label files,
//! `labels` reads these, `reader` makes the records.

mod config;
mod images;
mod labels;
mod reader;

pub use reader::Yolo;

//! Reads YOLO's label files (docs of Ultralytics, darknet, CVAT and LabelImg): a text file for each image,
//! with a line for each object. `config` finds the classes and splits, `images` the images, `labels` reads
//! the lines.

mod config;
mod images;
mod labels;
mod reader;

pub use reader::Yolo;

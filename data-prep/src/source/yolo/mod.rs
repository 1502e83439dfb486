//! Reads YOLO's label files (docs of Ultralytics, darknet, CVAT and LabelImg): a text file for each image,
//! with a line for each object. `config` finds the classes and splits, `images` the images, `labels` reads
//! the lines, `yaml` a `data.yaml`. `copies` tells Roboflow's copies of one picture, whatever the format.

mod config;
pub(crate) mod copies;
mod images;
mod labels;
mod reader;
mod yaml;

pub use reader::Yolo;

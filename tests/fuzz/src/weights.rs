//! The trainer's readers of weight files and of networks that PyTorch exported, compiled in from the trainer's source.

#[path = "../../../trainer/src/weights/checkpoint_file/mod.rs"]
pub mod checkpoint_file;
#[path = "../../../trainer/src/weights/exported/mod.rs"]
pub mod exported;
#[path = "../../../trainer/src/weights/zip_directory.rs"]
pub mod zip_directory;

//! Tests the COCO reader: `records` checks the records that it makes of folders and `instances_*.json`,
//! `broken` its messages for broken files, `own` runs the program on data as other tools export it, `folders` on
//! folders that hold more than their annotations say, `real` on data sets of other people, where these are there.
#![allow(clippy::unwrap_used)]

mod broken;
mod folders;
mod own;
mod real;
mod records;

use std::path::Path;

use data_prep::dataset::Split;
use data_prep::record::{Source, SourceImage};
use tempfile::TempDir;

/// Makes a root with the given annotation files (name, text) and empty image folders.
fn root(files: &[(&str, &str)], folders: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs_err::create_dir(dir.path().join("annotations")).unwrap();
    for (name, text) in files {
        fs_err::write(dir.path().join("annotations").join(name), text).unwrap();
    }
    for folder in folders {
        fs_err::create_dir_all(dir.path().join(folder)).unwrap();
    }
    dir
}

/// Reads a fixture of the workspace's `tests/fixtures/coco`.
fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/coco");
    fs_err::read_to_string(Path::new(folder).join(name)).unwrap()
}

/// Makes a root with the fixtures' two annotation files.
fn fixture_root() -> TempDir {
    let train = fixture("instances_train2014.json");
    let val = fixture("instances_val2014.json");
    root(
        &[
            ("instances_train2014.json", &train),
            ("instances_val2014.json", &val),
        ],
        &["train2014", "val2014"],
    )
}

/// Returns the ids of a split's images, in the source's order.
fn ids(source: &Source, split: Split) -> Vec<&str> {
    let of_split = source.images.iter().filter(|image| image.split == split);
    of_split.map(|image| image.image_id.as_str()).collect()
}

fn by_id<'a>(source: &'a Source, image_id: &str) -> &'a SourceImage {
    let mut images = source.images.iter();
    images.find(|image| image.image_id == image_id).unwrap()
}

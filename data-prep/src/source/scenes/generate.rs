//! Writes the files of the embedded data set: decides how many images there are and what they are called,
//! and writes their folder whole or not at all. In the data set each class has a companion, a thing that lies beside
//! most of its objects and so is a spurious cue.

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::layout::Bond;
use super::{devkit, objects, picture};
use crate::store::atomic;

/// The version of the drawing code. It is raised whenever the pictures change, so that older folders are drawn anew.
const DRAWING: u32 = 2;

/// The file that says which configuration a folder was drawn from.
const STAMP: &str = "scenes.json";

/// What to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScenesConfig {
    /// Another seed gives other images throughout.
    pub seed: u64,
    /// Images of the training split.
    pub train: usize,
    /// Images of the validation split.
    pub val: usize,
    /// Images of the in-distribution part of the test split.
    pub test: usize,
    /// Images of the shifted part of the test split. There the classes of companions are drawn regardless of the
    /// objects; their number still grows with that of the objects.
    pub shifted: usize,
}

/// The numbers were chosen so that drawing and training take minutes.
impl Default for ScenesConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            train: 1000,
            val: 250,
            test: 300,
            shifted: 300,
        }
    }
}

/// The class names, in the order of `classes.txt`.
pub fn class_names() -> [&'static str; 6] {
    objects::CLASSES
}

/// A part of the data set: the prefix of its image ids, its number of images, and whether companions lie beside
/// objects of their class (the bond).
struct Part {
    prefix: &'static str,
    count: usize,
    bond: Bond,
}

impl Part {
    /// The image ids of the part, e.g. `train-00001`.
    fn ids(&self) -> impl Iterator<Item = String> {
        let prefix = self.prefix;
        (1..=self.count).map(move |number| format!("{prefix}-{number:05}"))
    }
}

impl ScenesConfig {
    fn parts(&self) -> [Part; 4] {
        let part = |prefix, count, bond| Part {
            prefix,
            count,
            bond,
        };
        [
            part("train", self.train, Bond::Kept),
            part("val", self.val, Bond::Kept),
            part("test", self.test, Bond::Kept),
            part("shifted", self.shifted, Bond::Cut),
        ]
    }
}

/// What [`generate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// The images were drawn.
    Drawn,
    /// The folder already held this very data set.
    AlreadyThere,
}

/// Draws the data set into `devkit`, which becomes a folder like VOCdevkit's `VOC2007`:
/// `JPEGImages`, `Annotations`, `SegmentationObject`, `SegmentationClass`,
/// `ImageSets/Main/{train,val,test,test_shifted}.txt` and `classes.txt`. `test.txt` lists the whole
/// test split, `test_shifted.txt` its shifted part.
///
/// The folder appears whole or not at all. A folder drawn earlier is left as it is when the
/// configuration is the same, and replaced when it is another; it is removed only when the new one is in its
/// place. `drawn` is called once per image drawn, from any thread.
///
/// # Errors
/// When a split is to be empty, when `devkit` holds something this function did not draw, or when
/// a file cannot be written.
pub fn generate(
    devkit: &Path,
    config: &ScenesConfig,
    drawn: impl Fn() + Sync,
) -> io::Result<Generated> {
    for (part, count) in [
        ("train", config.train),
        ("val", config.val),
        ("test", config.test + config.shifted),
    ] {
        if count == 0 {
            let message = format!("scenes: {part}: found 0 images, expected at least 1");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }
    let stamp = serde_json::to_string_pretty(&(("drawing", DRAWING), config))?;
    // Whether there is a folder that an earlier call drew from another configuration.
    let former = match fs_err::read_to_string(devkit.join(STAMP)) {
        Ok(former) if former == stamp => return Ok(Generated::AlreadyThere),
        Ok(_) => true,
        Err(_) => false,
    };
    if !former && devkit.exists() && fs_err::read_dir(devkit)?.next().is_some() {
        let message = format!(
            "{}: {STAMP}: found none in a folder that is not empty, expected a folder drawn by \
             `data-prep scenes` or an empty one",
            devkit.display()
        );
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }

    let parent = match devkit.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    fs_err::create_dir_all(&parent)?;
    let workshop = tempfile::Builder::new()
        .prefix(".scenes-")
        .tempdir_in(&parent)?;
    let unfinished = workshop.path().join("devkit");
    write_devkit(&unfinished, config, drawn)?;
    fs_err::write(unfinished.join(STAMP), &stamp)?;
    // The former folder goes away with the workshop.
    atomic::replace_folder(devkit, &unfinished, &workshop.path().join("former"))?;
    Ok(Generated::Drawn)
}

/// Writes all files of the data set but the stamp into `folder`.
fn write_devkit(folder: &Path, config: &ScenesConfig, drawn: impl Fn() + Sync) -> io::Result<()> {
    for name in [
        "JPEGImages",
        "Annotations",
        "SegmentationObject",
        "SegmentationClass",
        "ImageSets/Main",
    ] {
        fs_err::create_dir_all(folder.join(name))?;
    }
    let parts = config.parts();
    let images: Vec<(String, Bond)> = parts
        .iter()
        .flat_map(|part| part.ids().map(|id| (id, part.bond)))
        .collect();
    images
        .par_iter()
        .try_for_each(|(image_id, bond)| -> io::Result<()> {
            let picture = picture::draw(config.seed, image_id, *bond);
            let file =
                |name: &str, ending: &str| folder.join(name).join(format!("{image_id}.{ending}"));
            fs_err::write(file("JPEGImages", "jpg"), devkit::jpeg(&picture)?)?;
            fs_err::write(
                file("SegmentationObject", "png"),
                devkit::object_png(&picture)?,
            )?;
            fs_err::write(
                file("SegmentationClass", "png"),
                devkit::class_png(&picture)?,
            )?;
            fs_err::write(
                file("Annotations", "xml"),
                devkit::annotation(image_id, &picture),
            )?;
            drawn();
            Ok(())
        })?;

    let [train, val, test, shifted] = &parts;
    let lists: [(&str, &[&Part]); 4] = [
        ("train", &[train]),
        ("val", &[val]),
        ("test", &[test, shifted]),
        ("test_shifted", &[shifted]),
    ];
    for (name, parts) in lists {
        let lines: String = parts
            .iter()
            .flat_map(|part| part.ids())
            .map(|id| id + "\n")
            .collect();
        fs_err::write(folder.join(format!("ImageSets/Main/{name}.txt")), lines)?;
    }
    let classes: String = class_names()
        .iter()
        .map(|name| format!("{name}\n"))
        .collect();
    fs_err::write(folder.join("classes.txt"), classes)
}

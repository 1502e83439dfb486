//! Holds what the measurements share: the built programs, the VOC images, a Python interpreter, and a
//! scratch folder.

use std::path::PathBuf;

use anyhow::{Result, bail};
use fs_err as fs;

use crate::system::paths;
use crate::system::process::BinDir;

/// What every measurement but the training's needs; made from the command line.
pub(super) struct Bench<'a> {
    /// The folder of the built programs.
    pub(super) programs: &'a BinDir,
    /// The Python interpreter that has the packages measured against: Pillow, numpy, pycocotools.
    pub(super) python: PathBuf,
    /// A folder to write in; it is deleted at the end, after an error as well.
    pub(super) scratch: PathBuf,
    /// The VOCdevkit folder, or own data in its layout, where `--data` names one.
    pub(super) data: Option<PathBuf>,
    /// How often preprocessing and the loading of an instances JSON (COCO's annotation file) are measured; memory
    /// and load are measured once.
    pub(super) n_runs: u32,
    /// The largest number of images in the memory measurement.
    pub(super) memory_images: u64,
    /// Height and width, in pixels, of the images written in the memory measurement.
    pub(super) memory_size: u16,
}

impl Bench<'_> {
    /// The folder to give to data-prep, and the folder with Annotations, ImageSets and JPEGImages: a VOCdevkit
    /// and the VOC2007 in it, or, for own data, the same folder both times. The first is `--data`; without it,
    /// `$GUIDANCE_DATA/VOCdevkit`, or `../shared/data/VOCdevkit` where that variable is not set.
    pub(super) fn voc(&self) -> Result<(PathBuf, PathBuf)> {
        let data = std::env::var_os("GUIDANCE_DATA")
            .map_or_else(|| paths::root().join("../shared/data"), PathBuf::from);
        let devkit = self.data.clone().unwrap_or_else(|| data.join("VOCdevkit"));
        let inner = [devkit.join("VOC2007"), devkit.clone()];
        match inner
            .into_iter()
            .find(|inner| inner.join("JPEGImages").is_dir())
        {
            Some(inner) => Ok((devkit, inner)),
            None => bail!(
                "--data: found no VOC2007/JPEGImages and no JPEGImages in {}, expected a VOCdevkit folder, or \
                 own data with Annotations, ImageSets and JPEGImages\n\
                 hint: cargo xtask download voc2007, then --data out/downloads/voc2007/VOCdevkit",
                devkit.display()
            ),
        }
    }

    /// A new, empty folder in the scratch folder.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// The path of a program in `data-prep/examples`.
    pub(super) fn example(&self, name: &str) -> Result<PathBuf> {
        example(self.programs, name)
    }
}

/// The path of an example program; cargo puts these into `examples` beside the other programs.
pub(super) fn example(programs: &BinDir, name: &str) -> Result<PathBuf> {
    let program = programs.program("data-prep")?;
    Ok(program.with_file_name("examples").join(name))
}

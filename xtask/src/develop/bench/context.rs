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
    /// The VOCdevkit folder, where `--data` names one.
    pub(super) data: Option<PathBuf>,
    /// How often each program is measured.
    pub(super) n_runs: u32,
    /// The largest number of images in the memory measurement.
    pub(super) memory_images: u64,
    /// Height and width, in pixels, of the images written in the memory measurement.
    pub(super) memory_size: u16,
}

impl Bench<'_> {
    /// The VOCdevkit folder: `--data`, else the one in `$GUIDANCE_DATA` or in `../shared/data`.
    pub(super) fn devkit(&self) -> Result<PathBuf> {
        let data = std::env::var_os("GUIDANCE_DATA")
            .map_or_else(|| paths::root().join("../shared/data"), PathBuf::from);
        let devkit = self.data.clone().unwrap_or_else(|| data.join("VOCdevkit"));
        if !devkit.join("VOC2007/JPEGImages").is_dir() {
            bail!(
                "--data: found no VOC2007/JPEGImages in {}, expected a VOCdevkit folder\n\
                 hint: cargo xtask download voc2007",
                devkit.display()
            );
        }
        Ok(devkit)
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

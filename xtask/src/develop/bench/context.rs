//! What every measurement of data-prep needs: programs, data, an interpreter, a folder to write in.

use std::path::PathBuf;

use anyhow::{Result, bail};
use fs_err as fs;

use crate::system::paths;
use crate::system::process::BinDir;

/// What every measurement of data-prep needs.
pub(super) struct Bench<'a> {
    pub(super) programs: &'a BinDir,
    /// The interpreter with the reference's packages.
    pub(super) python: PathBuf,
    /// Deleted at the end, whatever happened.
    pub(super) scratch: PathBuf,
    pub(super) data: Option<PathBuf>,
    pub(super) n_runs: u32,
    pub(super) memory_images: u64,
    pub(super) memory_size: u16,
}

impl Bench<'_> {
    /// The VOCdevkit folder, given or found.
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

    /// One of data-prep's examples.
    pub(super) fn example(&self, name: &str) -> Result<PathBuf> {
        example(self.programs, name)
    }
}

/// An example's program; cargo puts them beside the others.
pub(super) fn example(programs: &BinDir, name: &str) -> Result<PathBuf> {
    let program = programs.program("data-prep")?;
    Ok(program.with_file_name("examples").join(name))
}

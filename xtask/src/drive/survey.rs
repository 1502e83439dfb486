//! Asks data-prep what a folder of own data holds, before anything is made of it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::system::process::{self, BinDir};

/// What `data-prep read --dry-run` prints.
#[derive(Debug, Deserialize)]
pub(crate) struct Survey {
    /// The data set's name.
    pub(crate) name: String,
    /// Whether the folder is one that data-prep has made (tables and pixels), not original images.
    pub(crate) prepared: bool,
    /// Height and width, in pixels, of the images in a folder that data-prep has made; None for other folders.
    pub(crate) size: Option<u32>,
    /// Images in each split.
    pub(crate) train: u32,
    pub(crate) val: u32,
    pub(crate) test: u32,
    /// The names of the classes.
    pub(crate) classes: Vec<String>,
    /// What was recognised and decided, a line each.
    pub(crate) notes: Vec<String>,
}

impl Survey {
    /// Asks what `folder` holds, read with these options of `data-prep read`.
    ///
    /// # Errors
    /// When data-prep cannot read the folder.
    pub(crate) fn of(folder: &Path, options: &[String], programs: &BinDir) -> Result<Self> {
        let mut command = Command::new(programs.program("data-prep")?);
        command.arg("read").arg(folder).arg("--dry-run");
        let said = process::capture(command.args(options), "reading the data's annotations")?;
        serde_json::from_str(&said).context("data-prep read --dry-run")
    }
}

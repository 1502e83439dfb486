//! The folder that `trainer predict` writes its results to. It is complete when its last file is there,
//! `predictions.parquet`. What an earlier `trainer predict` wrote is replaced; a folder with anything else in it is
//! refused.

use std::path::{Path, PathBuf};

use data_prep::atomic;
use data_prep::table::read_table;

use crate::error::{Error, Result};
use crate::predict::table::PREDICTED;

/// The tables that this command writes into the folder, and its folder of pictures.
const TABLES: [&str; 3] = ["predictions.parquet", "maps.parquet", "skipped.parquet"];
const OVERLAYS: &str = "overlays";

/// The folder. If it is dropped before [`Output::finish`], what was written is removed.
pub struct Output {
    dir: PathBuf,
    is_finished: bool,
}

impl Output {
    /// Refuses a folder that holds anything but what this command wrote. That it was this command is known by
    /// `predictions.parquet`, or by its temporary file.
    ///
    /// # Errors
    /// See above; a folder that cannot be read.
    pub fn check(dir: &Path) -> Result<()> {
        let expected = "an empty folder, or what trainer predict wrote";
        if !dir.exists() {
            return Ok(());
        }
        if !dir.is_dir() {
            return Err(Error::invalid(dir, "--out", "a file", expected));
        }
        let mut is_ours = false;
        let mut names = Vec::new();
        for entry in fs_err::read_dir(dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // A program that was killed leaves temporary files.
            let table = TABLES
                .iter()
                .position(|table| name == *table || name.starts_with(&format!(".{table}.")));
            is_ours |= table == Some(0) && name.starts_with('.');
            if table.is_none() && name != OVERLAYS {
                return Err(Error::invalid(dir, "--out", name, expected));
            }
            names.push(name);
        }
        let predictions = dir.join(TABLES[0]);
        if predictions.exists() {
            read_table(&predictions, &PREDICTED)?;
            is_ours = true;
        }
        match (names.first(), is_ours) {
            (Some(name), false) => Err(Error::invalid(dir, "--out", name, expected)),
            _ => Ok(()),
        }
    }

    /// Empties the folder, which was checked. `predictions.parquet` goes first: without it the folder is not
    /// whole.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(dir: &Path) -> Result<Self> {
        let output = Output {
            dir: dir.to_owned(),
            is_finished: false,
        };
        output.remove()?;
        Ok(output)
    }

    fn remove(&self) -> Result<()> {
        for table in TABLES {
            let path = self.dir.join(table);
            if path.exists() {
                fs_err::remove_file(&path)?;
            }
            atomic::remove_leftovers(&path)?;
        }
        if self.overlays().exists() {
            fs_err::remove_dir_all(self.overlays())?;
        }
        Ok(())
    }

    /// The table of predictions.
    pub fn predictions(&self) -> PathBuf {
        self.dir.join(TABLES[0])
    }

    /// The table of maps.
    pub fn maps(&self) -> PathBuf {
        self.dir.join(TABLES[1])
    }

    /// The table of images that were left out.
    pub fn skipped(&self) -> PathBuf {
        self.dir.join(TABLES[2])
    }

    /// The folder of pictures.
    pub fn overlays(&self) -> PathBuf {
        self.dir.join(OVERLAYS)
    }

    /// Keeps what was written.
    pub fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.is_finished {
            // An error here is not reported: the one that led here is.
            let _ = self.remove();
            let _ = std::fs::remove_dir(&self.dir); // fails where something is in it
        }
    }
}

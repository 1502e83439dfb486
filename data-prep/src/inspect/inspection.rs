//! Counts a data folder's contents and draws its contact sheets ([`inspect`]).

use std::path::{Path, PathBuf};

use super::contact_sheet;
use super::summary::Summary;
use crate::dataset::{Dataset, Split};
use crate::error::Result;

/// What an inspection gives: the counts, and the files of the contact sheets.
#[derive(Debug)]
pub struct Inspection {
    /// The counts; its `Display` is the report.
    pub summary: Summary,
    /// The contact sheets, one per split that has images: `<out>/<split>.png`.
    pub sheets: Vec<PathBuf>,
}

/// Counts the data folder `data` and draws its contact sheets into the folder `out`.
///
/// # Errors
/// When `data` is no finished data folder, or a sheet cannot be written.
pub fn inspect(data: &Path, out: &Path) -> Result<Inspection> {
    let dataset = Dataset::open(data)?;
    let mut sheets = Vec::new();
    for split in Split::ALL {
        if let Some(sheet) = contact_sheet::draw(&dataset, split) {
            let path = out.join(format!("{split}.png"));
            sheet.write(&path)?;
            sheets.push(path);
        }
    }
    Ok(Inspection {
        summary: Summary::of(&dataset),
        sheets,
    })
}

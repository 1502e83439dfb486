//! Arranges the images of a data set: puts them into groups (`groups`) and into train, val and test
//! (`division`), as the options of the command line ask. A group is a subset of images for which results are
//! also reported separately, such as waterbirds on land.
//!
//! Data that comes with splits keeps them, unless `--split` asks for others. The commands for published data sets
//! divide nothing without being asked, so these stay as they are published.

use std::path::PathBuf;

use super::division::{Division, Shares};
use super::groups;
use super::record::Source;
use crate::error::Result;

/// The options of groups and splits, which all formats have.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arrangement {
    /// A CSV file with the columns `image` and `group`, for results by group and of the worst group; an
    /// image is named by its id or its file.
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// Divide the images anew: percent for train, val and test.
    #[arg(long, value_name = "TRAIN,VAL,TEST")]
    split: Option<Shares>,
    /// Keep images together: those that share a column of the tables given, or the first group of this
    /// regular expression in their names, such as `^(patient\d+)_`.
    #[arg(long, value_name = "COLUMN|REGEX")]
    split_by: Option<String>,
    /// Give each class its share of every split. With this, images that are added may move others.
    #[arg(long)]
    stratify: bool,
}

impl Arrangement {
    /// Puts the images of `source` into the groups and splits asked for. With `complete` (`data-prep read`,
    /// for own data), data without splits is divided as well, and missing validation or test images are cut
    /// from train: by default 70, 15 and 15 percent. [`Source::notes`] says what was done.
    ///
    /// # Errors
    /// When the file of groups cannot be read, or names images that are not there; when `--split-by` is
    /// neither a column nor a regular expression with a group, or an image's name does not match it.
    pub(crate) fn apply(&self, source: &mut Source, complete: bool) -> Result<()> {
        if let Some(path) = &self.groups {
            groups::assign(path, source)?;
        }
        let division = Division {
            shares: self.split.unwrap_or_default(),
            by: self.split_by.as_deref(),
            stratify: self.stratify,
        };
        let mut is_divided = true;
        if self.split.is_some() || (complete && !source.has_splits) {
            division.divide(source)?;
        } else {
            is_divided = complete && division.cut_missing(source)?;
        }
        let unused = [
            ("--split-by", self.split_by.is_some()),
            ("--stratify", self.stratify),
        ];
        for (option, _) in unused.iter().filter(|(_, given)| *given && !is_divided) {
            let note = "has no effect, since the data's own splits are kept (--split divides anew)";
            source.notes.push(format!("{option} {note}"));
        }
        source.images.sort_by_key(|image| image.split); // stable: within a split the order stays
        Ok(())
    }
}

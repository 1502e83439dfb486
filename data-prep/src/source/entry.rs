//! The entry of a format of data: its name, its options, and how it is read. `list` has all formats.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command};

use super::naming::Naming;
use super::record::Source;

/// A format of data; its options on the command line implement this trait.
pub trait Format: Args {
    /// The subcommand of `data-prep`.
    const NAME: &'static str;
    /// What it reads, for people.
    const TITLE: &'static str;
    /// The published data sets, or the embedded one, in this format; no other data may have these names.
    const DATASETS: &'static [&'static str];

    /// Reads the annotations and finds the image files; `out` is the data folder to be made.
    ///
    /// # Errors
    /// When a folder or a file is not of this format. A single broken item is a problem of the source.
    fn open(&self, out: &Path, naming: Naming) -> anyhow::Result<Source>;

    /// Says what `folder` holds, for people ("Pascal VOC, 364 annotations"), where it is of this format.
    fn recognise(_: &Path) -> Option<String> {
        None
    }

    /// The options with which `data-prep read` reads a folder; `None`: it cannot.
    fn reading(_: Folder) -> Option<Self> {
        None
    }
}

/// A [`Format`] among others.
#[derive(Debug)]
pub struct Entry {
    /// [`Format::NAME`].
    pub name: &'static str,
    /// [`Format::TITLE`].
    pub title: &'static str,
    /// [`Format::DATASETS`].
    pub datasets: &'static [&'static str],
    /// Adds the format's options to a command.
    pub with_options: fn(Command) -> Command,
    /// Reads the options given, and then the data set, as [`Format::open`].
    pub open: fn(&ArgMatches, &Path, Naming) -> anyhow::Result<Source>,
    /// [`Format::recognise`].
    pub recognise: fn(&Path) -> Option<String>,
    /// Reads a folder as [`Format::open`], with the options of [`Format::reading`].
    pub read: fn(Folder, &Path, Naming) -> Option<anyhow::Result<Source>>,
}

impl Entry {
    /// The entry of `F`.
    pub const fn of<F: Format>() -> Self {
        Self {
            name: F::NAME,
            title: F::TITLE,
            datasets: F::DATASETS,
            with_options: F::augment_args,
            open: |options, out, naming| F::from_arg_matches(options)?.open(out, naming),
            recognise: F::recognise,
            read: |folder, out, naming| Some(F::reading(folder)?.open(out, naming)),
        }
    }
}

/// The folder and the name of a data set: options of nearly every format.
#[derive(Debug, Args)]
pub struct Folder {
    /// The source folder.
    #[arg(long)]
    pub root: PathBuf,
    /// What the data set is called [default: the published name where it is that data set, else the
    /// folder's name].
    #[arg(long)]
    pub name: Option<String>,
}

impl Folder {
    /// `naming` with the name given.
    pub fn named(&self, naming: Naming) -> Naming {
        naming.asked(self.name.as_deref())
    }
}

//! Defines [`Format`], a kind of data set that `data-prep` reads (VOC, COCO, YOLO, tables, Waterbirds, and the
//! embedded scenes, which the program draws itself): its name, its command-line options and its reader. `list`
//! has all formats.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command};

use super::credit::Credit;
use super::naming::Naming;
use super::record::Source;

/// A format of data. The struct of its command-line options implements this trait.
pub trait Format: Args {
    /// The subcommand of `data-prep`.
    const NAME: &'static str;
    /// What it reads, as the help shows it.
    const TITLE: &'static str;
    /// The names of the published data sets in this format, or of the embedded one, which the program draws.
    /// No other data may have these names.
    const DATASETS: &'static [&'static str];

    /// Reads the annotations and finds the image files. `out` is the data folder to be made, in which
    /// `scenes` draws its images by default; `naming` decides the data set's name.
    ///
    /// # Errors
    /// When a folder or a file is not of this format, or the name asked for is refused. A single broken
    /// image or annotation is no error: it is listed in [`Source::problems`].
    fn open(&self, out: &Path, naming: Naming) -> anyhow::Result<Source>;

    /// The credit (title, address, licence, citation) of one of [`Format::DATASETS`]; `None` for other names.
    fn credit(_: &str) -> Option<Credit> {
        None
    }

    /// Says in words what the folder holds ("YOLO, data.yaml"); `None` where it is not of this format.
    fn recognise(_: &Path) -> Option<String> {
        None
    }

    /// The options with which `data-prep read` reads a folder in this format; `None` where it cannot.
    fn reading(_: Folder) -> Option<Self> {
        None
    }
}

/// A [`Format`] as a value, so that a list can hold all formats.
#[derive(Debug)]
pub struct Entry {
    /// [`Format::NAME`].
    pub name: &'static str,
    /// [`Format::TITLE`].
    pub title: &'static str,
    /// [`Format::DATASETS`].
    pub datasets: &'static [&'static str],
    /// [`Format::credit`].
    pub credit: fn(&str) -> Option<Credit>,
    /// Adds the format's options to a command.
    pub with_options: fn(Command) -> Command,
    /// Takes the format's options from the parsed command line and calls [`Format::open`].
    pub open: fn(&ArgMatches, &Path, Naming) -> anyhow::Result<Source>,
    /// [`Format::recognise`].
    pub recognise: fn(&Path) -> Option<String>,
    /// Calls [`Format::open`] with the options of [`Format::reading`]; `None` where that gives none.
    pub read: fn(Folder, &Path, Naming) -> Option<anyhow::Result<Source>>,
}

impl Entry {
    /// The entry of `F`.
    pub const fn of<F: Format>() -> Self {
        Self {
            name: F::NAME,
            title: F::TITLE,
            datasets: F::DATASETS,
            credit: F::credit,
            with_options: F::augment_args,
            open: |options, out, naming| F::from_arg_matches(options)?.open(out, naming),
            recognise: F::recognise,
            read: |folder, out, naming| Some(F::reading(folder)?.open(out, naming)),
        }
    }
}

/// The options of every format but `scenes`: the data set's folder and name.
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
    /// Returns `naming` with the name that `--name` gives, if any.
    pub fn named(&self, naming: Naming) -> Naming {
        naming.asked(self.name.as_deref())
    }
}

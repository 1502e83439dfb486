//! The options of `trainer predict`. The network is that of a finished run (`--run`) or imported from a weight file
//! (`--weights`); options whose help begins with "Of weights" are for the latter.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use data_prep::convert::OnError;

use crate::explain::arguments::NetworkArgs;

/// Which images, which network, what is written.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A folder of images, at any depth: JPEG, PNG, WebP, TIFF, BMP, GIF. Other files are left out and
    /// counted, hidden ones passed over
    pub folder: PathBuf,
    /// The folder for predictions.parquet, maps.parquet and overlays/; what an earlier trainer predict wrote
    /// there is replaced
    #[arg(long)]
    pub out: PathBuf,
    /// The network and how it is explained.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Of weights: height and width of the input, in pixels (default: those that the network was exported for,
    /// else 224; of a run its own)
    #[arg(long, conflicts_with = "run", value_parser = clap::value_parser!(u16).range(8..=2048))]
    pub size: Option<u16>,
    /// Of weights: a text file with the name of a class in each line (default: those in the weights' file,
    /// else numbers from 0)
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub class_names: Option<PathBuf>,
    /// Explain this class on every image instead of the predicted ones; may be given several times
    #[arg(long, value_name = "NAME")]
    pub class: Vec<String>,
    /// Explain the K classes with the highest logits instead of the predicted ones
    #[arg(long, value_name = "K", conflicts_with = "class", value_parser = clap::value_parser!(u16).range(1..))]
    pub top: Option<u16>,
    /// Write no maps.parquet
    #[arg(long)]
    pub no_maps: bool,
    /// Write no overlays/
    #[arg(long)]
    pub no_overlays: bool,
    /// What to do with an image that cannot be read
    #[arg(long, value_enum, default_value_t)]
    pub on_error: OnError,
    /// Whether a photo is turned as its EXIF orientation says
    #[arg(long, value_enum, default_value_t)]
    pub exif: Exif,
}

/// What to do with an image's EXIF orientation. There is no `auto` as in data-prep, because no annotated size
/// tells which of the two is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Exif {
    /// Turn the image, as viewers do.
    #[default]
    Apply,
    /// Leave it as it is stored, as in the published data sets.
    Ignore,
}

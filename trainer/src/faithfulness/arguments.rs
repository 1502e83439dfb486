//! The options of `trainer faithfulness`.

use std::path::PathBuf;

use clap::Args;
use data_prep::dataset::{Split, Task};

use crate::explain::arguments::NetworkArgs;

/// Which network, which images, how many.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The network and how it is explained.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// The data folder the run was trained on
    #[arg(long)]
    pub data: PathBuf,
    /// train, val or test
    #[arg(long, default_value = "test")]
    pub split: Split,
    /// conventional or reversed (default: the run's own); the maps then are of that task's classes
    #[arg(long)]
    pub task: Option<Task>,
    /// Images with a class on them at most, drawn from the split, the same for every network
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Steps in which pixels are taken from an image or put into it; each takes as many pixels, and there are no more
    /// than these
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u16).range(1..))]
    pub steps: u16,
    /// File for the values (Parquet): faithfulness.parquet in an evaluation's folder, where the report finds it
    #[arg(long)]
    pub out: PathBuf,
}

//! `data-prep scenes`: draws the embedded data set into a folder as a VOC devkit, then reads that like any devkit.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::generate::{Generated, ScenesConfig, generate};
use crate::source::credit::Credit;
use crate::source::entry::Format;
use crate::source::naming::Naming;
use crate::source::record::Source;
use crate::source::voc;
use crate::words;

/// The name of the embedded data set.
const SCENES: &str = "scenes";

/// What to draw, and where.
#[derive(Debug, clap::Args)]
pub struct Scenes {
    /// The folder to draw into [default: <OUT>/devkit].
    #[arg(long)]
    root: Option<PathBuf>,
    /// Another seed draws other images.
    #[arg(long, default_value_t = ScenesConfig::default().seed)]
    seed: u64,
    /// Training images.
    #[arg(long, default_value_t = ScenesConfig::default().train)]
    train: usize,
    /// Validation images.
    #[arg(long, default_value_t = ScenesConfig::default().val)]
    val: usize,
    /// In-distribution test images.
    #[arg(long, default_value_t = ScenesConfig::default().test)]
    test: usize,
    /// Shifted test images.
    #[arg(long, default_value_t = ScenesConfig::default().shifted)]
    shifted: usize,
}

impl Format for Scenes {
    const NAME: &str = "scenes";
    const TITLE: &str =
        "The embedded data set: drawn into --root in VOC's layout, then read like VOC";
    const DATASETS: &[&str] = &[SCENES];

    fn credit(dataset: &str) -> Option<Credit> {
        (dataset == SCENES).then(|| Credit {
            title: Some("Embedded scenes, drawn by data-prep".to_owned()),
            license: Some(env!("CARGO_PKG_LICENSE").to_owned()),
            ..Credit::default()
        })
    }

    fn open(&self, out: &Path, naming: Naming) -> Result<Source> {
        let root = self.root.clone().unwrap_or_else(|| out.join("devkit"));
        self.draw(&root)?;
        let mut source = voc::read(&root, &naming)?;
        source.name = SCENES.to_owned();
        // The notes of VOC's reader, on the classes and the data set's name, are the same for every drawing.
        source.notes.clear();
        Ok(source)
    }
}

impl Scenes {
    /// Draws the data set into `root`, with a progress bar; does nothing where it is already there.
    fn draw(&self, root: &Path) -> Result<()> {
        let config = ScenesConfig {
            seed: self.seed,
            train: self.train,
            val: self.val,
            test: self.test,
            shifted: self.shifted,
        };
        let total = config.train + config.val + config.test + config.shifted;
        let bar = ProgressBar::new(total as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} drawn  {eta} left") {
            bar.set_style(style);
        }
        let generated =
            generate(root, &config, || bar.inc(1)).with_context(|| root.display().to_string())?;
        bar.finish_and_clear();
        if generated == Generated::Drawn {
            eprintln!("{}: {}, drawn", root.display(), words::n_images(total));
        }
        Ok(())
    }
}

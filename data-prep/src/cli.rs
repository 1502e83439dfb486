//! The command line: what the user types, and how it becomes calls of the library.
//!
//! Exit codes: 0 when everything is in the data folder, 1 when some items were skipped, 2 when the
//! command failed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::geometry::Grid;
use crate::inspect;
use crate::naming::SCENES;
use crate::pipeline::{self, Limit, OnError, Options, Outcome};
use crate::record::Source;
use crate::scenes::{self, Generated, ScenesConfig};
use crate::tables::Former;
use crate::waterbirds::Validation;
use crate::{coco, voc, waterbirds};

/// Image data sets to mask tables and pixels.
///
/// Exit codes: 0 all images, 1 some skipped, 2 failed.
#[derive(Debug, Parser)]
#[command(name = "data-prep", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// PASCAL VOC in the devkit's layout.
    Voc {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        prepare: Prepare,
    },
    /// MS COCO: annotations/instances_*.json and the image folders.
    Coco {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        prepare: Prepare,
    },
    /// Waterbirds-100: waterbird_1.0_forest2water2 and CUB_200_2011/bounding_boxes.txt.
    Waterbirds {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        prepare: Prepare,
        /// Validation images: the groups whose bird and background agree (the paper), or all.
        #[arg(long, value_enum, default_value_t)]
        val: Validation,
    },
    /// The embedded data set: drawn into --root in VOC's layout, then read like VOC.
    Scenes {
        /// The folder to draw into [default: <OUT>/devkit].
        #[arg(long)]
        root: Option<PathBuf>,
        #[command(flatten)]
        prepare: Prepare,
        #[command(flatten)]
        draw: Draw,
    },
    /// Counts and contact sheets of a data folder, to see that it is right.
    Inspect {
        /// The data folder.
        dir: PathBuf,
        /// Where the contact sheets go [default: <DIR>/inspect].
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

impl Command {
    /// How many threads the user allows, where they say.
    fn threads(&self) -> Option<usize> {
        match self {
            Self::Voc { prepare, .. }
            | Self::Coco { prepare, .. }
            | Self::Waterbirds { prepare, .. }
            | Self::Scenes { prepare, .. } => prepare.threads,
            Self::Inspect { .. } => None,
        }
    }
}

#[derive(Debug, Args)]
struct From {
    /// The source folder.
    #[arg(long)]
    root: PathBuf,
    /// What the data set is called [default: voc2007, coco2014 or waterbirds-100 where it is that, else
    /// the folder's name].
    #[arg(long)]
    name: Option<String>,
}

impl From {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

#[derive(Debug, Args)]
struct Prepare {
    /// The data folder to make.
    #[arg(long)]
    out: PathBuf,
    /// Height and width of the pixels.
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u16).range(8..=2048))]
    size: u16,
    /// At most N images of a split (a fixed choice by image id); may be given once per split.
    #[arg(long, value_name = "SPLIT=N", value_parser = parse_limit)]
    limit: Vec<Limit>,
    /// What a broken image or annotation does.
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// Threads that parse, hash, decode and resize [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// Replace a data folder made from other inputs, or by another version of this program.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Args)]
struct Draw {
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

fn parse_limit(text: &str) -> Result<Limit, String> {
    let (split, count) = text
        .split_once('=')
        .ok_or_else(|| format!("found {text:?}, expected SPLIT=N, e.g. train=800"))?;
    Ok(Limit {
        split: split.parse()?,
        count: count
            .parse()
            .map_err(|_| format!("found {count:?}, expected a number of images"))?,
    })
}

/// Runs the command and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
    match execute(cli.command) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {}", crate::error::one_line(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// The number of skipped items.
fn execute(command: Command) -> Result<usize> {
    if let Some(threads) = command.threads() {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
    }
    match command {
        Command::Voc { from, prepare } => prepare.run(voc::read(&from.root, from.name())?),
        Command::Coco { from, prepare } => prepare.run(coco::read(&from.root, from.name())?),
        Command::Waterbirds { from, prepare, val } => {
            prepare.run(waterbirds::read(&from.root, from.name(), val)?)
        }
        Command::Scenes {
            root,
            prepare,
            draw,
        } => {
            let root = root.unwrap_or_else(|| prepare.out.join("devkit"));
            draw.run(&root)?;
            let mut source = voc::read(&root, None)?;
            source.name = SCENES.to_owned();
            source.notes.clear(); // only its name had any
            prepare.run(source)
        }
        Command::Inspect { dir, out } => {
            let out = out.unwrap_or_else(|| dir.join("inspect"));
            let inspection = inspect::inspect(&dir, &out)?;
            println!("{}", inspection.summary);
            for sheet in inspection.sheets {
                println!("{}", sheet.display());
            }
            Ok(0)
        }
    }
}

impl Prepare {
    fn run(&self, source: Source) -> Result<usize> {
        let (out, name, notes) = (
            self.out.display(),
            source.name.clone(),
            source.notes.clone(),
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let options = Options {
            out: self.out.clone(),
            grid: Grid::square(usize::from(self.size)),
            limits: self.limit.clone(),
            on_error: self.on_error,
            threads: self.threads.unwrap_or(cores),
            former: if self.overwrite {
                Former::Replace
            } else {
                Former::Keep
            },
        };
        let Outcome {
            images,
            skipped,
            was_complete,
        } = pipeline::run(source, &options)?;
        let verb = if was_complete {
            "complete already"
        } else {
            "written"
        };
        for note in notes {
            eprintln!("{out}: {note}");
        }
        eprintln!("{out}: {name}, {images} images, {verb}");
        if skipped > 0 {
            eprintln!("{out}: {skipped} left out, listed in skipped.parquet");
        }
        Ok(skipped)
    }
}

impl Draw {
    fn run(&self, root: &Path) -> Result<()> {
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
        let generated = scenes::generate(root, &config, || bar.inc(1))
            .with_context(|| root.display().to_string())?;
        bar.finish_and_clear();
        if generated == Generated::Drawn {
            eprintln!("{}: {total} images, drawn", root.display());
        }
        Ok(())
    }
}

//! Parses the arguments of `cargo xtask bench`, builds the measured programs, and runs the measurements that
//! are asked for, one after the other.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use fs_err as fs;

use super::context::Bench;
use super::{instances, load, machine, memory, metrics, preprocessing, python, training};
use crate::install::setup;
use crate::system::paths;
use crate::system::process::{self, BinDir};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure
    #[arg(value_enum, default_value_t = Subject::All)]
    subject: Subject,
    /// The VOCdevkit folder, or own data in its layout [default: $GUIDANCE_DATA/VOCdevkit, else ../shared/data/VOCdevkit]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Runs of each side; the tables show medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Largest number of images of the memory measurement
    #[arg(long, value_name = "N", default_value_t = instances::IMAGES,
          value_parser = clap::value_parser!(u64).range(1..))]
    memory_images: u64,
    /// Height and width of the pixels in the memory measurement
    #[arg(long, value_name = "PIXELS", default_value_t = 224)]
    memory_size: u16,
    /// Training images of the load; test images are in proportion
    #[arg(long, value_name = "N", default_value_t = instances::IMAGES,
          value_parser = clap::value_parser!(u64).range(100..))]
    load_images: u64,
    /// Epochs of the training whose memory is watched
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..))]
    load_epochs: u32,
    #[command(flatten)]
    metrics: metrics::Args,
    #[command(flatten)]
    training: training::Args,
}

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// data-prep read against Pillow and numpy
    Preprocessing,
    /// Loading an instances JSON against pycocotools
    Instances,
    /// Peak memory of data-prep coco by number of images
    Memory,
    /// Training steps and explanations, against the official code where a checkout is given
    Training,
    /// evaluator score against the official code's way in torch, and against Quantus
    Metrics,
    /// All stages over as many images, pairs and predictions as COCO 2014 has; not part of all
    Load,
    /// All of them
    All,
}

/// Runs `cargo xtask bench`. `memory` and `load` are measured once, everything else `--runs` times.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure()?;
    let needed: &[&str] = match args.subject {
        Subject::Load => &["data-prep", "trainer", "evaluator", "analysis"],
        Subject::Metrics | Subject::All => &["data-prep", "evaluator"],
        _ => &["data-prep"],
    };
    let programs = process::cargo_build(needed)?;
    if args.subject != Subject::Metrics {
        process::run(
            process::cargo().args(["build", "--quiet", "--workspace", "--examples"]),
            "building the examples",
        )?;
    }
    let rounds = match args.subject {
        Subject::Load | Subject::Memory => 1,
        _ => args.runs,
    };
    println!("Medians of {} on {}.\n", runs(rounds), machine::describe());
    if !matches!(args.subject, Subject::Training | Subject::Metrics) {
        data_prep(args, &programs)?;
    }
    if matches!(args.subject, Subject::Metrics | Subject::All) {
        metrics::run(&args.metrics, &programs, args.runs)?;
    }
    match args.subject {
        Subject::Training | Subject::All => training::run(&args.training, &programs, args.runs),
        _ => Ok(()),
    }
}

/// Runs the measurements that write into a scratch folder: all but the training's.
fn data_prep(args: &Args, programs: &BinDir) -> Result<()> {
    // Beside the repository's other results, not in /tmp, which may be a small memory disk.
    let out = paths::root().join("out");
    fs::create_dir_all(&out)?;
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(&out)?;
    let bench = Bench {
        programs,
        python: python::ensure()?,
        scratch: scratch.path().to_owned(),
        data: args.data.clone(),
        n_runs: args.runs,
        memory_images: args.memory_images,
        memory_size: args.memory_size,
    };
    let wanted = |subject| args.subject == subject || args.subject == Subject::All;
    if wanted(Subject::Preprocessing) {
        preprocessing::run(&bench)?;
    }
    if wanted(Subject::Instances) {
        instances::run(&bench)?;
    }
    if wanted(Subject::Memory) {
        memory::run(&bench)?;
    }
    if args.subject == Subject::Load {
        load::run(&bench, args.load_images, args.load_epochs)?;
    }
    scratch
        .close()
        .context("deleting what the benchmarks wrote")
}

/// "1 run", "3 runs".
fn runs(n: u32) -> String {
    match n {
        1 => "1 run".to_owned(),
        n => format!("{n} runs"),
    }
}

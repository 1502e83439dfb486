//! `cargo xtask fuzz`: libFuzzer on the readers of other people's files, one after the other. What the readers
//! must do is in `tests/fuzz/src/readers.rs`; the inputs kept in `tests/fuzz/corpus`, and in
//! `tests/fuzz/mended` those that once broke a reader, are replayed by the trainer's tests.
//!
//! A stable compiler does: the instrumentation is LLVM's own. Sanitizers, which need a nightly one, would
//! look for faults of memory that these readers' safe Rust does not have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use fs_err as fs;

use crate::{paths, process};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this reader
    target: Option<Target>,
    /// How long each reader is tried
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Replace the inputs in tests/fuzz/corpus by the smallest set that reaches all code reached
    #[arg(long)]
    keep: bool,
}

/// The readers, as the programs and the folders of inputs are called.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    /// VOC's XML
    Voc,
    /// COCO's JSON and shapes
    Instances,
    /// COCO's run lengths
    Rle,
    /// JPEG and PNG
    Image,
    /// Weight files: pickles, torch's containers, safetensors
    Checkpoint,
    /// Arrow and Parquet map files
    Maps,
}

/// Counts how often each edge was taken, and what was compared.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Named, so that build scripts are compiled without the instrumentation.
const MACHINE: &str = "x86_64-unknown-linux-gnu";

/// The largest input tried, in bytes, and the most memory that reading one may take, in MiB.
const LARGEST: &str = "-max_len=8192";
const MEMORY: &str = "-rss_limit_mb=2048";

/// The command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = process::target()?.join("fuzz");
    let mut build = process::cargo();
    build
        .args(["build", "--release", "--target", MACHINE, "--manifest-path"])
        .arg(paths::root().join("tests/fuzz/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", INSTRUMENTED);
    process::run(&mut build, "compiling the readers for libFuzzer")?;
    let all = Target::value_variants().to_vec();
    for target in args.target.map_or(all, |target| vec![target]) {
        let name = target
            .to_possible_value()
            .context("every reader has a name")?;
        let program = folder.join(MACHINE).join("release").join(name.get_name());
        let place = folder.join("inputs").join(name.get_name());
        fuzz(&program, name.get_name(), &place, args)?;
    }
    Ok(())
}

/// Tries one reader. New inputs go to `place`, and one that breaks the reader to a folder beside it.
fn fuzz(program: &Path, name: &str, place: &Path, args: &Args) -> Result<()> {
    let kept = paths::root().join("tests/fuzz/corpus").join(name);
    let broken = place.with_extension("broken");
    for folder in [place, &broken] {
        fs::create_dir_all(folder)?;
    }
    let mut search = Command::new(program);
    search.arg(place).arg(&kept).args([LARGEST, MEMORY]);
    search.arg(format!("-max_total_time={}", u64::from(args.minutes) * 60));
    // One input may take so many seconds.
    search.args(["-timeout=20", "-print_final_stats=1"]);
    search.arg(format!("-artifact_prefix={}/", broken.display()));
    if !search.status()?.success() {
        bail!(
            "{name}: an input breaks the reader: {}\nhint: mend the reader, then put the input into \
             tests/fuzz/mended/{name}",
            broken.display()
        );
    }
    if args.keep {
        keep(program, &kept, place)?;
    }
    Ok(())
}

/// Replaces `kept` by a small set of its inputs and of those in `place` that reaches the same code.
fn keep(program: &Path, kept: &Path, place: &Path) -> Result<()> {
    let smallest: PathBuf = place.with_extension("smallest");
    if smallest.exists() {
        fs::remove_dir_all(&smallest)?;
    }
    fs::create_dir_all(&smallest)?;
    let mut merge = Command::new(program);
    merge.args(["-set_cover_merge=1", LARGEST, MEMORY]);
    merge.arg(&smallest).arg(kept).arg(place);
    if !merge.status()?.success() {
        bail!("{}: the inputs could not be merged", kept.display());
    }
    for entry in fs::read_dir(kept)? {
        fs::remove_file(entry?.path())?;
    }
    for entry in fs::read_dir(&smallest)? {
        let entry = entry?;
        fs::copy(entry.path(), kept.join(entry.file_name()))?;
    }
    Ok(())
}

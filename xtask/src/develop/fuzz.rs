//! `cargo xtask fuzz`: runs libFuzzer, which makes up inputs that reach new code, on each parser of foreign files
//! (here called a reader), one after the other.
//!
//! What a reader must do is in `tests/fuzz/src/readers.rs`. `tests/fuzz/corpus` keeps inputs that together
//! reach much of the code, `tests/fuzz/mended` those that once broke a reader; the trainer's tests replay
//! both.
//!
//! The stable compiler suffices, because the instrumentation is LLVM's own. Sanitizers would need a nightly
//! compiler; they look for memory errors, which the safe Rust of these readers cannot have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use fs_err as fs;

use crate::system::{paths, process};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this reader
    target: Option<Target>,
    /// How long each reader is tried
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Replace the inputs in tests/fuzz/corpus by a small set that reaches what was reached
    #[arg(long)]
    keep: bool,
}

/// The readers. Their names are also those of the fuzz programs and of the folders of inputs.
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
    /// Networks that PyTorch exported
    Exported,
    /// Arrow and Parquet map files
    Maps,
}

/// Compiler flags of the instrumentation that libFuzzer reads: how often each edge of the control flow was
/// taken, and which values were compared.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// The target triple. It is named although it is this machine's, because cargo then compiles build scripts
/// without the instrumentation.
const MACHINE: &str = "x86_64-unknown-linux-gnu";

/// The most memory that reading one input may take: 2048 MiB (chosen).
const MEMORY: &str = "-rss_limit_mb=2048";

/// The most bytes of inputs that `--keep` keeps for a reader: 48 KiB, so that the repository stays small.
const KEPT: u64 = 48 << 10;

impl Target {
    /// A folder of other tests' files to begin with. A reader without one begins with its corpus alone.
    fn seeds(self) -> Option<&'static str> {
        match self {
            Target::Voc | Target::Rle => None,
            Target::Instances => Some("tests/fixtures/coco"),
            Target::Image => Some("data-prep/tests/fixtures/pixels"),
            Target::Checkpoint => Some("tests/fixtures/pth"),
            Target::Exported => Some("trainer/tests/fixtures/exported"),
            Target::Maps => Some("tests/fixtures/maps"),
        }
    }

    /// libFuzzer's option for the largest input that is tried: 8 KiB, or 64 KiB for networks, whose graphs take some
    /// room. Small inputs are read faster, so more are tried.
    fn largest(self) -> String {
        let largest = match self {
            Target::Exported => 1 << 16,
            _ => 1 << 13,
        };
        format!("-max_len={largest}")
    }
}

/// Compiles the fuzz programs and runs that of one reader, or of each.
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
        let inputs = folder.join("inputs").join(name.get_name());
        fuzz(target, (&program, name.get_name()), &inputs, args)?;
    }
    Ok(())
}

/// Fuzzes one reader with the program of this name. Inputs that reach new code go to the folder `inputs`, one
/// that breaks the reader to the folder `<inputs>.broken`.
fn fuzz(target: Target, (program, name): (&Path, &str), inputs: &Path, args: &Args) -> Result<()> {
    let seeds = target.seeds().map(|seeds| paths::root().join(seeds));
    let kept = paths::root().join("tests/fuzz/corpus").join(name);
    let broken = inputs.with_extension("broken");
    for folder in [inputs, &broken] {
        fs::create_dir_all(folder)?;
    }
    let mut search = Command::new(program);
    search.arg(inputs).arg(&kept).args(seeds);
    search.args([&target.largest(), MEMORY]);
    search.arg(format!("-max_total_time={}", u64::from(args.minutes) * 60));
    // One input may take 20 seconds before it counts as breaking the reader.
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
        keep((program, &target.largest()), &kept, inputs)?;
    }
    Ok(())
}

/// Replaces the files in `kept` by a smallest set out of `kept` and `inputs` that reaches the same code. Of
/// that set the smallest files are taken first, until [`KEPT`] bytes are full.
fn keep((program, largest): (&Path, &str), kept: &Path, inputs: &Path) -> Result<()> {
    let smallest: PathBuf = inputs.with_extension("smallest");
    if smallest.exists() {
        fs::remove_dir_all(&smallest)?;
    }
    fs::create_dir_all(&smallest)?;
    let mut merge = Command::new(program);
    // What counts is which code is reached, not how often.
    merge.args(["-set_cover_merge=1", "-use_counters=0", largest, MEMORY]);
    merge.arg(&smallest).arg(kept).arg(inputs);
    if !merge.status()?.success() {
        bail!("{}: the inputs could not be merged", kept.display());
    }
    for entry in fs::read_dir(kept)? {
        fs::remove_file(entry?.path())?;
    }
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&smallest)? {
        let entry = entry?;
        inputs.push((entry.metadata()?.len(), entry.file_name()));
    }
    inputs.sort();
    let mut room = KEPT;
    for (size, name) in inputs {
        let Some(left) = room.checked_sub(size) else {
            break;
        };
        room = left;
        fs::copy(smallest.join(&name), kept.join(&name))?;
    }
    Ok(())
}

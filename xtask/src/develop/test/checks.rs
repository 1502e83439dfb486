//! Implements the checks of `cargo xtask test`, a function each. The checks of dependencies test
//! ARCHITECTURE.md's rules on which crate may depend on which, by what cargo itself prints.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;

use super::outcome::Outcome;
use super::{logged, report, torch};
use crate::drive::slurm::packages;
use crate::install::venv;
use crate::system::{paths, process};

/// Each package of the workspace, and the other packages of the workspace that it may depend on, directly or
/// through others. A further dependency needs a reason in ARCHITECTURE.md, and an entry here.
pub(super) const MEMBERS: [(&str, &[&str]); 6] = [
    ("data-prep", &[]),
    ("evaluator", &["data-prep"]),
    ("trainer", &["data-prep", "evaluator"]),
    ("analysis", &[]),
    ("xtask", &[]),
    ("tests", &[]),
];

/// Foreign packages, and the packages of the workspace that alone may depend on each, directly or through
/// others.
const GUARDED: [(&str, &[&str]); 2] = [("torch-sys", &["trainer"]), ("polars", &["analysis"])];

/// Checks that `cargo fmt` would change nothing.
pub(super) fn format() -> Result<Outcome> {
    let mut command = process::cargo();
    let done = logged::run(
        "format",
        command.args(["fmt", "--all", "--check", "--", "--color", "never"]),
    )?;
    if done.status.success() {
        return Ok(Outcome::passed());
    }
    done.show_end(60); // lines
    Ok(Outcome::failed("not formatted: cargo fmt --all"))
}

/// Checks that clippy has no warning.
pub(super) fn clippy() -> Result<Outcome> {
    let mut command = process::cargo();
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    let done = logged::run("clippy", &mut command)?;
    if done.status.success() {
        return Ok(Outcome::passed());
    }
    done.show_end(60);
    let n_errors = done
        .lines
        .iter()
        .filter(|line| line.starts_with("error"))
        .count();
    Ok(Outcome::failed(format!("{n_errors} errors")))
}

/// Checks that every .rs file begins with a `//!` comment.
pub(super) fn headers() -> Result<Outcome> {
    let mut faults = Vec::new();
    let n_files = without_header(&paths::root(), &IGNORED, &mut faults)?;
    if n_files == 0 {
        faults.push("found no .rs file at all".to_owned());
    }
    Ok(Outcome::of(faults))
}

/// Folders of the repository's root that git ignores.
const IGNORED: [&str; 3] = ["target", "out", "weights"];

/// Adds to `faults` the .rs files below `folder` that begin otherwise; returns the number of all .rs files.
/// Folders named in `ignored` are skipped at this level, not further below.
fn without_header(folder: &Path, ignored: &[&str], faults: &mut Vec<String>) -> Result<usize> {
    let mut n_files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            // Hidden folders hold no source of ours.
            if !name.starts_with('.') && !ignored.contains(&name.as_str()) {
                n_files += without_header(&path, &[], faults)?;
            }
        } else if name.ends_with(".rs") {
            n_files += 1;
            if !fs::read_to_string(&path)?.starts_with("//! ") {
                faults.push(format!(
                    "{}: expected to open with //!",
                    paths::shown(&path)
                ));
            }
        }
    }
    Ok(n_files)
}

/// Checks which packages depend on which, as cargo resolves them.
pub(super) fn dependencies() -> Result<Outcome> {
    let members = members()?;
    let mut faults = Vec::new();
    for (guarded, allowed) in GUARDED {
        let reaching = tree(&["--workspace", "--invert", guarded])?;
        faults.extend(trespassers(guarded, allowed, &reaching, &members));
    }
    for name in &members {
        let Some((_, allowed)) = MEMBERS.iter().find(|(known, _)| known == name) else {
            let known = MEMBERS.map(|(known, _)| known).join(", ");
            faults.push(format!("found a package {name}, expected only {known}"));
            continue;
        };
        let below = tree(&["--package", name])?;
        faults.extend(strangers(name, allowed, &below, &members));
    }
    Ok(Outcome::of(faults))
}

/// Faults for the workspace's packages that `name` depends on and may not. `below` are all packages that it
/// depends on, `members` those of the workspace.
fn strangers(name: &str, allowed: &[&str], below: &[String], members: &[String]) -> Vec<String> {
    let stranger = |other: &&String| {
        members.contains(other) && *other != name && !allowed.contains(&other.as_str())
    };
    let mut found: Vec<&String> = below.iter().filter(stranger).collect();
    found.sort();
    found.dedup();
    let expected = match allowed.is_empty() {
        true => "no other package of ours".to_owned(),
        false => format!("only {}", allowed.join(", ")),
    };
    let fault = |other| format!("{name} reaches {other}, expected {expected}");
    found.into_iter().map(fault).collect()
}

/// Faults for the workspace's packages (`members`) that depend on the package `guarded` and may not.
/// `reaching` are all packages that depend on it.
fn trespassers(
    guarded: &str,
    allowed: &[&str],
    reaching: &[String],
    members: &[String],
) -> Vec<String> {
    let ours = |name: &&String| members.contains(name) && !allowed.contains(&name.as_str());
    let mut found: Vec<&String> = reaching.iter().filter(ours).collect();
    found.sort();
    found.dedup();
    let allowed = allowed.join(", ");
    found
        .into_iter()
        .map(|name| format!("{name} reaches {guarded}, expected only {allowed}"))
        .collect()
}

/// The names of the packages that `cargo tree` prints with these arguments.
fn tree(arguments: &[&str]) -> Result<Vec<String>> {
    let mut command = process::cargo();
    command
        .args(["tree", "--prefix", "none", "--format", "{p}"])
        .args(arguments);
    let said = process::capture(&mut command, "asking cargo for the dependencies")?;
    Ok(said
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}

/// The names of the workspace's own packages.
fn members() -> Result<Vec<String>> {
    let metadata = process::metadata()?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    Ok(packages
        .iter()
        .filter_map(|p| p["name"].as_str())
        .map(str::to_owned)
        .collect())
}

/// The Python interpreter with the packages by which tests read and write our files (installs them).
pub(super) fn python() -> Result<PathBuf> {
    venv::ensure(".venv-test", "tests/python/requirements.txt")
}

/// Installs Slurm, on which the tests of `--executor slurm` run. Where that fails, the reason counts as
/// skipped, and these tests skip themselves.
pub(super) fn slurm() -> Result<Outcome> {
    Ok(match packages::ensure()? {
        None => Outcome::passed(),
        Some(fault) => Outcome {
            skipped: vec![fault],
            ..Outcome::default()
        },
    })
}

/// The test binaries that exchange weight files and networks with other Python packages. They are a check of
/// their own, because those packages are large.
const PACKAGES: [&str; 3] = ["packages", "exported_networks", "exported_layers"];
/// The modules with which the names of their tests begin.
const OF_PACKAGES: [&str; 3] = ["real_packages::", "real_networks::", "real_evaluations::"];

/// Runs all tests but those of [`PACKAGES`]; a failing test binary does not keep the others from running.
pub(super) fn tests() -> Result<Outcome> {
    let mut command = cargo_test_of(&["--lib", "--bins", "--tests"]);
    command.args(OF_PACKAGES.iter().flat_map(|module| ["--skip", module]));
    cargo_test("tests", command, "GUIDANCE_PYTHON", python())
}

/// Test binaries that compare with recorded values. Together with the modules' own tests they find most
/// faults in little time.
const GOLDEN: [&str; 8] = [
    "golden",
    "geometry",
    "rle",
    "coco",
    "voc",
    "waterbirds",
    "structure",
    "vocabulary",
];

/// Runs the modules' own tests and those of [`GOLDEN`]. None of them needs Python.
pub(super) fn quick_tests() -> Result<Outcome> {
    let named = GOLDEN.iter().flat_map(|name| ["--test", name]);
    let chosen: Vec<&str> = ["--lib", "--bins"].into_iter().chain(named).collect();
    let done = logged::run("quick-tests", &mut cargo_test_of(&chosen))?;
    outcome_of(&done)
}

/// A `cargo test` command for the targets `chosen` that prints the time of every test. On stable Rust,
/// `--report-time` needs `RUSTC_BOOTSTRAP=1`. It is set for the test binaries alone, through the `runner`:
/// set for cargo, it would make much compile again.
fn cargo_test_of(chosen: &[&str]) -> Command {
    let mut command = process::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command.args([
        "--config",
        "target.'cfg(all())'.runner=['env', 'RUSTC_BOOTSTRAP=1']",
    ]);
    command.args(chosen);
    command.args(["--", "--show-output", "-Zunstable-options", "--report-time"]);
    command
}

/// Runs the tests of [`PACKAGES`], in which PyTorch and others read and write weight files.
pub(super) fn packages() -> Result<Outcome> {
    // The tests start these programs; with `--test` alone cargo would not build them.
    let mut build = process::cargo();
    let built = logged::run("packages-build", build.args(["build", "--workspace"]))?;
    if !built.status.success() {
        built.show_end(60);
        return Ok(Outcome::failed("cargo build --workspace"));
    }
    let mut command = process::cargo();
    command.args(["test", "--workspace"]);
    command.args(PACKAGES.iter().flat_map(|binary| ["--test", binary]));
    command.args(["--", "--show-output"]);
    command.args(OF_PACKAGES);
    cargo_test(
        "packages",
        command,
        "GUIDANCE_TORCH_PYTHON",
        torch::python(),
    )
}

/// Runs the tests of `command`, which find the interpreter `python` in the environment variable `variable`.
/// An interpreter that could not be set up is a failure.
fn cargo_test(
    name: &str,
    mut command: Command,
    variable: &str,
    python: Result<PathBuf>,
) -> Result<Outcome> {
    // Without an interpreter the tests skip themselves and so pass; its error is reported below.
    match &python {
        Ok(python) => command.env(variable, python),
        Err(_) => command.env_remove(variable),
    };
    let done = logged::run(name, &mut command)?;
    let mut outcome = outcome_of(&done)?;
    if let Err(error) = python {
        outcome.failed.push(format!("{error:#}"));
    }
    Ok(outcome)
}

/// Parses the output of `cargo test`; prints the output of the failed tests.
fn outcome_of(done: &logged::Logged) -> Result<Outcome> {
    let mut outcome = report::read(&done.lines);
    if !done.status.success() {
        let failures = report::failures(&done.lines);
        if failures.is_empty() {
            outcome.failed.push(format!("cargo test: {}", done.status));
            done.show_end(60);
        } else {
            done.show(&failures);
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_our_own_packages_outside_the_list_trespass() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let members = names(&["trainer", "evaluator", "tests"]);
        let cases: [(&[&str], &[&str]); 3] = [
            (&["torch-sys", "tch", "trainer"], &[]),
            (
                &["torch-sys", "tch", "trainer", "tests"],
                &["tests reaches torch-sys"],
            ),
            (
                &["torch-sys", "evaluator", "evaluator"],
                &["evaluator reaches torch-sys"],
            ),
        ];
        for (reaching, expected) in cases {
            let found = trespassers("torch-sys", &["trainer"], &names(reaching), &members);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(
                found.iter().zip(expected).all(|(f, e)| f.starts_with(e)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_package_of_ours_that_may_not_be_reached_is_named() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let members = names(&["trainer", "evaluator", "data-prep", "xtask"]);
        let below = names(&["evaluator", "data-prep", "arrow", "trainer", "trainer"]);
        let found = strangers("evaluator", &["data-prep"], &below, &members);
        assert_eq!(
            found,
            ["evaluator reaches trainer, expected only data-prep"]
        );
        let found = strangers("xtask", &[], &names(&["xtask", "arrow"]), &members);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_file_without_a_header_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("good.rs", "//! Why.\nfn f() {}\n"),
            ("bad.rs", "use std::fs;\n//! Why.\n"),
            ("empty.rs", ""),
            ("target/made.rs", "fn f() {}\n"),
            ("src/out/bad.rs", "fn f() {}\n"),
            ("notes.txt", "not Rust"),
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut faults = Vec::new();
        let n_files = without_header(dir.path(), &IGNORED, &mut faults).unwrap();
        assert_eq!(n_files, 4);
        faults.sort();
        assert_eq!(faults.len(), 3, "{faults:?}");
        for (fault, name) in faults.iter().zip(["bad.rs", "empty.rs", "src/out/bad.rs"]) {
            assert!(fault.contains(name), "{faults:?}");
        }
    }
}

//! Starting other programs: always from the repository's root unless said otherwise, always with an
//! error that names the program and how it ended.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths;

/// Runs `command` with its output on this terminal; `what` is what it is for ("unpacking").
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{what}: {} could not be started", program(command)))?;
    finished(status, command, what)
}

/// Runs `command` and gives what it wrote to stdout; what it wrote to stderr goes into the error.
pub(crate) fn capture(command: &mut Command, what: &str) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{what}: {} could not be started", program(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        bail!(
            "{what}: {} failed ({}){}{said}",
            program(command),
            output.status,
            if said.is_empty() { "" } else { ": " }
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The cargo that started this program, in the repository's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    command
}

/// The programs `cargo_build` made.
#[derive(Debug)]
pub(crate) struct BinDir {
    programs: BTreeMap<String, PathBuf>,
}

impl BinDir {
    /// The executable of the package `name`.
    pub(crate) fn program(&self, name: &str) -> Result<&Path> {
        let path = self.programs.get(name);
        let path = path.with_context(|| format!("cargo build made no program named {name}"))?;
        Ok(path)
    }
}

/// Builds the workspace (nothing to do where it is current) and says where the binaries of `packages`
/// are, wherever CARGO_TARGET_DIR or a cargo configuration put them. Always the whole workspace: cargo
/// unifies the features of what it builds together, so another selection would compile arrow again.
pub(crate) fn cargo_build(packages: &[&str]) -> Result<BinDir> {
    let mut command = cargo();
    command.args([
        "build",
        "--workspace",
        "--bins",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let what = format!("building {}", packages.join(", "));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{what}: {} could not be started", program(&command)))?;
    let stdout = child
        .stdout
        .take()
        .context("cargo's output is not readable")?;
    let mut programs = BTreeMap::new();
    for line in BufReader::new(stdout).lines() {
        let message: serde_json::Value = match serde_json::from_str(&line?) {
            Ok(message) => message,
            Err(_) => continue, // a build script's own words
        };
        if let (Some(name), Some(path)) = (
            message["target"]["name"].as_str(),
            message["executable"].as_str(),
        ) {
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    finished(child.wait()?, &command, &what)?;
    let built = BinDir { programs };
    for package in packages {
        built.program(package)?;
    }
    Ok(built)
}

fn finished(status: ExitStatus, command: &Command, what: &str) -> Result<()> {
    if !status.success() {
        bail!("{what}: {} failed ({status})", program(command));
    }
    Ok(())
}

fn program(command: &Command) -> String {
    Path::new(command.get_program()).display().to_string()
}

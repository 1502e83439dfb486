//! Starts other programs, waits for them, and reads their output; errors name the program and how it ended.
//! Also starts cargo, and finds the programs that it builds.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};

use crate::system::paths;
use crate::system::signals::{STOPPED, Stop, Stopped};

/// Runs `command` with its output on this terminal. `what` is its purpose, for errors ("unpacking").
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{what}: {} could not be started", program(command)))?;
    finished(status, command, what)
}

/// Runs `command` and returns its stdout. Its stderr goes into the error, unless `command` sends it
/// elsewhere.
pub(crate) fn capture(command: &mut Command, what: &str) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{what}: {} could not be started", program(command)))?;
    said(&output, command, what)
}

/// Runs `command` and returns its stdout; its stderr goes where `command` says. Signals that ask this program
/// to stop are passed on to it as SIGUSR2, at which it saves its work and ends.
pub(crate) fn capture_saving(command: &mut Command, what: &str, stop: &Stop) -> Result<String> {
    let child = start(command.stdout(Stdio::piped()), what)?;
    let passed_on = stop.pass_to(child.id());
    let output = child.wait_with_output()?;
    drop(passed_on);
    said(&output, command, what)
}

/// The stdout of a program that has ended; an error where it failed, [`Stopped`] where it was stopped.
fn said(output: &Output, command: &Command, what: &str) -> Result<String> {
    if output.status.code() == Some(i32::from(STOPPED)) {
        return Err(Stopped.into());
    }
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        bail!(
            "{what}: {} failed ({}){}{said}",
            name(command),
            output.status,
            if said.is_empty() { "" } else { ": " }
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `from | into` until both have ended. When this program is asked to stop, SIGUSR2 kills both, which
/// have nothing to save. `what` describes their work, for errors.
pub(crate) fn pipe(mut from: Command, mut into: Command, what: &str, stop: &Stop) -> Result<()> {
    let (source_name, sink_name) = (name(&from), name(&into));
    let mut source = start(from.stdout(Stdio::piped()), what)?;
    let source_told = stop.pass_to(source.id());
    let stream = source.stdout.take().context("no pipe was made")?;
    let sink = start(into.stdin(stream), what);
    // Closes this program's copy of the pipe's reading end. While it is open, the source would block for ever
    // when the sink has ended.
    drop(into);
    let sink = sink.and_then(|mut child| {
        let _told = stop.pass_to(child.id());
        Ok(child.wait()?)
    });
    let source = source.wait()?;
    drop(source_told);
    let sink = sink?;
    let has_failed = !source.success() || !sink.success();
    if source.code() == Some(i32::from(STOPPED)) || (has_failed && stop.is_asked()) {
        return Err(Stopped.into());
    }
    let failed: Vec<String> = [(source_name, source), (sink_name, sink)]
        .into_iter()
        .filter(|(_, status)| !status.success())
        .map(|(name, status)| format!("{name} failed ({status})"))
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => bail!("{what}: {}", failed.join(", ")),
    }
}

/// Redirects the stderr of `command`, which is not started yet, to a thread that calls `take` with every
/// line. The thread ends when `command` and the processes that it started have ended, and the caller has
/// dropped `command`.
pub(crate) fn read_stderr(
    command: &mut Command,
    take: impl Fn(String) + Send + 'static,
) -> Result<JoinHandle<()>> {
    let (reader, writer) = std::io::pipe()?;
    command.stderr(writer);
    Ok(std::thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            take(String::from_utf8_lossy(&line).into_owned());
        }
    }))
}

/// Starts `command`; an error names it.
fn start(command: &mut Command, what: &str) -> Result<Child> {
    let started = command.spawn();
    started.with_context(|| format!("{what}: {} could not be started", program(command)))
}

/// Cargo's metadata of the workspace, without dependencies.
pub(crate) fn metadata() -> Result<serde_json::Value> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let said = capture(&mut command, "asking cargo for the packages")?;
    Ok(serde_json::from_str(&said)?)
}

/// The folder into which cargo builds.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = metadata()?;
    let target = metadata["target_directory"].as_str();
    let target = target.context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(target))
}

/// A command for the cargo that started this program, in the repository's root, as a user would start it.
///
/// The variables that cargo sets for a program it runs are removed. ring's build script depends on them, so
/// with them ring, and then Polars, would be compiled again whenever `cargo build` and this program
/// alternate.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_cargo_run) {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether it is a variable that cargo sets only for the program that it runs.
fn is_of_cargo_run(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
        .iter()
        .any(|start| name.starts_with(start))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

/// A folder of built programs: the stages' and xtask.
#[derive(Clone, Debug)]
pub(crate) struct BinDir(PathBuf);

impl BinDir {
    /// The folder `folder`, which must have the programs `names`.
    ///
    /// # Errors
    /// Names the first program that is not there.
    pub(crate) fn of(folder: &Path, names: &[&str]) -> Result<BinDir> {
        let programs = BinDir(std::path::absolute(folder)?);
        for name in names {
            programs.program(name)?;
        }
        Ok(programs)
    }

    /// Its path.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The path of the program of the package `name`.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        match path.is_file() {
            true => Ok(path),
            false => bail!(
                "{}: found no program {name}, expected what cargo build --workspace makes",
                paths::shown(&self.0)
            ),
        }
    }
}

/// The folder of the programs that an earlier build made; None where one of `packages` is missing.
pub(crate) fn built(packages: &[&str]) -> Result<Option<BinDir>> {
    Ok(BinDir::of(&target()?.join("debug"), packages).ok())
}

/// Builds the workspace and returns the folder of the programs of `packages`, wherever CARGO_TARGET_DIR or
/// cargo's configuration put it. Always builds the whole workspace: cargo unifies the features of what it
/// builds together, so building a part would compile arrow again with other features.
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
    let mut child = start(command.stdout(Stdio::piped()), &what)?;
    let stdout = child
        .stdout
        .take()
        .context("cargo's output is not readable")?;
    let mut folder = None;
    for line in BufReader::new(stdout).lines() {
        let message: serde_json::Value = match serde_json::from_str(&line?) {
            Ok(message) => message,
            Err(_) => continue, // not cargo's JSON, but output of a build script
        };
        let is_program = message["target"]["kind"][0] == "bin";
        let executable = message["executable"].as_str().filter(|_| is_program);
        folder = executable
            .map(Path::new)
            .and_then(Path::parent)
            .map(Path::to_owned)
            .or(folder);
    }
    finished(child.wait()?, &command, &what)?;
    let folder = folder.context("cargo build made no program")?;
    BinDir::of(&folder, packages)
}

/// An error where the program failed, [`Stopped`] where it was stopped.
fn finished(status: ExitStatus, command: &Command, what: &str) -> Result<()> {
    if status.code() == Some(i32::from(STOPPED)) {
        return Err(Stopped.into());
    }
    if !status.success() {
        bail!("{what}: {} failed ({status})", name(command));
    }
    Ok(())
}

/// The program's path, for errors about where it was looked for.
fn program(command: &Command) -> String {
    Path::new(command.get_program()).display().to_string()
}

/// The program's name without its folder.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn cargo_is_started_as_a_user_would() {
        // `cargo test` sets these as `cargo xtask` does.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let command = cargo();
        let removed: Vec<&str> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .filter_map(|(name, _)| name.to_str())
            .collect();
        for name in [
            "CARGO_PKG_NAME",
            "CARGO_PKG_VERSION_MAJOR",
            "CARGO_MANIFEST_DIR",
        ] {
            assert!(removed.contains(&name), "{name}: {removed:?}");
        }
        for name in [
            "CARGO_TARGET_DIR",
            "CARGO_HOME",
            "CARGO_BUILD_JOBS",
            "LIBTORCH",
        ] {
            assert!(!is_of_cargo_run(name), "{name}");
        }
    }

    /// A command that runs a shell script.
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_pipe_ends_when_either_side_does_and_names_who_failed() {
        // The script that writes, the one that reads, and a part of the error; `None`: both succeed.
        let cases = [
            ("echo 1", "read -r line; test \"$line\" = 1", None),
            (
                "echo 1; exit 3",
                "cat > /dev/null",
                Some("maps: sh failed (exit status: 3)"),
            ),
            (
                "exit 3",
                "cat > /dev/null; exit 4",
                Some("(exit status: 3), sh failed (exit status: 4)"),
            ),
            // `yes` writes more than a pipe holds: it ends only because its reader has ended.
            ("yes", "exit 4", Some("sh failed (exit status: 4)")),
            (
                "kill -9 $$",
                "cat > /dev/null",
                Some("sh failed (signal: 9 (SIGKILL))"),
            ),
        ];
        for (from, into, expected) in cases {
            let done = pipe(shell(from), shell(into), "maps", &Stop::default());
            let done = done.map_err(|error| error.to_string());
            match expected {
                None => done.unwrap(),
                Some(expected) => {
                    let error = done.unwrap_err();
                    assert!(
                        error.starts_with("maps: ") && error.contains(expected),
                        "{error}"
                    );
                }
            }
        }
        let absent = Command::new("/nowhere/evaluator");
        let error = pipe(shell("yes"), absent, "maps", &Stop::default()).unwrap_err();
        assert!(
            format!("{error:#}").contains("/nowhere/evaluator could not be started"),
            "{error:#}"
        );
    }
}

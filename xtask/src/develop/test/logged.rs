//! Runs a program, writes its output to a log file, and shows only the latest line on the terminal, because
//! the output of checks is long and matters only where they fail.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use fs_err as fs;

use crate::system::{paths, process, progress};

/// How a program ended, and its output.
pub(super) struct Logged {
    pub(super) status: ExitStatus,
    /// stdout and stderr, in the order they were written.
    pub(super) lines: Vec<String>,
    /// The log file with these lines.
    pub(super) log: PathBuf,
}

/// Runs `command`; its output goes to `<target>/xtask-test/<name>.log`.
pub(super) fn run(name: &str, command: &mut Command) -> Result<Logged> {
    let folder = process::target()?.join("xtask-test");
    fs::create_dir_all(&folder)?;
    let log = folder.join(format!("{name}.log"));
    let mut file = fs::File::create(&log)?;
    let (reader, writer) = std::io::pipe()?;
    command.env("CARGO_TERM_COLOR", "never");
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("{name}: could not be started"))?;
    // The command holds the pipe's writing end; reading ends only when that is closed here too.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let bar = progress::spinner(name);
    let mut lines = Vec::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(file, "{line}")?;
        bar.set_message(format!("{name}: {}", line.trim()));
        lines.push(line);
    }
    bar.finish_and_clear();
    Ok(Logged {
        status: child.wait()?,
        lines,
        log,
    })
}

impl Logged {
    /// Prints the last `n` lines, for a check that failed.
    pub(super) fn show_end(&self, n: usize) {
        self.show(&self.lines[self.lines.len().saturating_sub(n)..]);
    }

    /// Prints `lines` and the path of the whole log.
    pub(super) fn show(&self, lines: &[String]) {
        for line in lines {
            eprintln!("    {line}");
        }
        eprintln!("    (all of it: {})", paths::shown(&self.log));
    }
}

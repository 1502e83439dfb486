//! Starts the programs (`trainer`, `xtask`, …) as a user does. They must be built before, as an older build is not
//! noticed; they lie in the folder above that of the test's own executable.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Returns a command for a program, e.g. `trainer`.
///
/// # Panics
/// When it was not built.
pub fn program(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test knows its executable");
    // <target>/<profile>/deps/<test> and <target>/<profile>/<program>
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .map_or_else(PathBuf::new, PathBuf::from);
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{}: no such program\nbuild first: cargo build --workspace",
        path.display()
    );
    Command::new(path)
}

/// The outcome of a program: its exit code and what it printed.
#[derive(Debug)]
pub struct Done {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Done {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `command` to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run(command: &mut Command) -> Done {
    let output = command.output();
    output
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
        .into()
}

/// Runs `command`, which must succeed.
///
/// # Panics
/// When it cannot be started, or its exit code is not 0.
pub fn succeed(command: &mut Command) -> Done {
    let done = run(command);
    assert_eq!(done.code, Some(0), "{command:?}\n{}", done.stderr);
    done
}

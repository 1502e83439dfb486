//! A second `trainer train` in a run's folder that another process is using must be refused. This file also has two
//! helpers, [`signal`] and [`start_until`], that other files of these tests call.
//!
//! `whole()` is a run that was never interrupted. `Whole::go_on` resumes the same run in another folder and asserts
//! that it ends with the same files (`made.rs`).

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tests::programs::{run, succeed};

use crate::made::{folder, whole};

/// Sends a signal to a process by `kill`, e.g. `-STOP`.
pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    succeed(Command::new("kill").args([name, pid.as_str()]));
}

/// Starts `command` and waits until `file` exists.
pub fn start_until(command: &mut Command, file: &Path) -> Child {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while !file.exists() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "ended before {}", file.display());
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child
}

/// A second program is refused with an error that names the first one's process id. After the first is killed, a third
/// may resume the run.
#[test]
fn the_second_program_on_a_run_is_refused() {
    let whole = whole();
    let runs = folder("shared");
    let run_folder = runs.join(whole.id());
    let mut first = start_until(
        &mut whole.train(&runs),
        &run_folder.join("resume.safetensors"),
    );
    // Held still, so that it cannot end before the second starts.
    signal(&first, "-STOP");
    let second = run(&mut whole.train(&runs));
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    let last = second.stderr.lines().last().unwrap();
    let expected = format!(
        "error: {}: run folder: found in use by process {} on ",
        run_folder.display(),
        first.id()
    );
    assert!(last.starts_with(&expected), "{last}");
    first.kill().unwrap();
    first.wait().unwrap();
    // A third process resumes and must end with the uninterrupted run's files.
    whole.go_on(&runs, "after the first was killed");
}

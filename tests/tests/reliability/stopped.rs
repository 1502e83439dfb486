//! Asked to stop more than once: a second Ctrl-C ends the program at once, nothing else does. (Asked once:
//! `whole_pipeline/resuming.rs`.)

use std::io::Read;
use std::process::{Child, Stdio};

use crate::made::{folder, whole};
use crate::shared::signal;

/// The step in flight is not waited for: nothing is said or saved, and the run goes on from what was
/// saved before.
#[test]
fn a_second_interrupt_ends_at_once_without_harm() {
    let whole = whole();
    let runs = folder("twice");
    whole.lay(&runs, &whole.files_after(2));
    // Where the step ends between the two signals, there is nothing to see.
    for _ in 0..20 {
        let mut command = whole.train(&runs);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut training = command.spawn().unwrap();
        let mut errors = training.stderr.take().unwrap();
        let mut said = vec![0; 4];
        errors.read_exact(&mut said).unwrap(); // signals are handled from here on
        signal(&training, "-INT");
        while is_pending(&training) {
            std::thread::yield_now();
        }
        signal(&training, "-INT");
        errors.read_to_end(&mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(training.wait().unwrap().code(), Some(75), "{said}");
        if !said.contains("stopped in epoch") {
            assert_eq!(said.lines().count(), 1, "{said}");
            whole.go_on(&runs, "after two interrupts");
            return;
        }
    }
    panic!("always stopped after a whole step");
}

/// As Ctrl-C in a terminal reaches a training twice, once of itself and once passed on; and as a cluster
/// announces the end of a job's time before it ends it.
#[test]
fn other_signals_after_the_first_still_let_the_step_be_saved() {
    let whole = whole();
    let runs = folder("many");
    whole.lay(&runs, &whole.files_after(2));
    let mut command = whole.train(&runs);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut training = command.spawn().unwrap();
    let mut errors = training.stderr.take().unwrap();
    let mut said = vec![0; 4];
    errors.read_exact(&mut said).unwrap();
    for name in ["-INT", "-USR2", "-TERM"] {
        signal(&training, name);
    }
    errors.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(training.wait().unwrap().code(), Some(75), "{said}");
    assert!(said.contains("stopped in epoch"), "{said}");
    whole.go_on(&runs, "after three signals");
}

/// Whether a signal waits to be taken by the process.
fn is_pending(process: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    pending.is_some_and(|mask| mask.trim().chars().any(|digit| digit != '0'))
}

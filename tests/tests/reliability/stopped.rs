//! Asked to stop more than once: a second Ctrl-C ends the program at once, nothing else does. (Asked once:
//! `whole_pipeline/resuming.rs`.) And left alone: by a terminal that is closed, by who read what it says.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use tests::runs::{difference, hearing_hangups};

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
    let mut command = hearing_hangups(&whole.train(&runs));
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut training = command.spawn().unwrap();
    let mut errors = training.stderr.take().unwrap();
    let mut said = vec![0; 4];
    errors.read_exact(&mut said).unwrap();
    for name in ["-INT", "-USR2", "-HUP", "-TERM"] {
        signal(&training, name);
    }
    errors.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(training.wait().unwrap().code(), Some(75), "{said}");
    assert!(said.contains("stopped in epoch"), "{said}");
    whole.go_on(&runs, "after four signals");
}

/// As a closed terminal or a lost connection sends it.
#[test]
fn a_hangup_is_saved_like_any_other_signal() {
    let whole = whole();
    let runs = folder("hangup");
    whole.lay(&runs, &whole.files_after(2));
    let (code, said) = hung_up(&mut hearing_hangups(&whole.train(&runs)));
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("stopped in epoch"), "{said}");
    whole.go_on(&runs, "after a hangup");
}

/// As `nohup` starts a program, and what it starts inherits.
#[test]
fn an_ignored_hangup_stays_ignored() {
    let whole = whole();
    let runs = folder("nohup");
    whole.lay(&runs, &whole.files_after(2));
    let training = whole.train(&runs);
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
    ignoring
        .arg(training.get_program())
        .args(training.get_args());
    let (code, said) = hung_up(&mut ignoring);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("stopped in epoch"), "{said}");
    let found = difference(&whole.folder, &runs.join(whole.id())).unwrap();
    assert_eq!(found, None);
    fs_err::remove_dir_all(runs).unwrap();
}

/// A pipe whose reader has ended takes no text, nor does a terminal that is closed.
#[test]
fn a_run_that_nobody_listens_to_goes_on() {
    let whole = whole();
    let runs = folder("unheard");
    whole.lay(&runs, &whole.files_after(2));
    let mut command = whole.train(&runs);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut training = command.spawn().unwrap();
    drop(training.stderr.take());
    assert_eq!(training.wait().unwrap().code(), Some(0));
    let found = difference(&whole.folder, &runs.join(whole.id())).unwrap();
    assert_eq!(found, None);
    fs_err::remove_dir_all(runs).unwrap();
}

/// The exit code of a training that is sent SIGHUP once it handles signals, and what it said.
fn hung_up(command: &mut Command) -> (Option<i32>, String) {
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut training = command.spawn().unwrap();
    let mut errors = training.stderr.take().unwrap();
    let mut said = vec![0; 4];
    errors.read_exact(&mut said).unwrap();
    signal(&training, "-HUP");
    errors.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    (training.wait().unwrap().code(), said)
}

/// Whether a signal waits to be taken by the process.
fn is_pending(process: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    pending.is_some_and(|mask| mask.trim().chars().any(|digit| digit != '0'))
}

//! Signals sent to `trainer train`. After the first one it must finish the step that it is computing, save and exit
//! with code 75 (`whole_pipeline/resuming.rs` tests that case). These tests show that a second Ctrl-C (SIGINT) ends
//! it at once and other further signals do not; that SIGHUP is such a signal, too, unless it is ignored, as under
//! `nohup`; and that training continues when nobody reads its standard error any more.
//!
//! `whole()` is a run that was never interrupted. `lay` puts its files after an epoch into another
//! folder, and `go_on` resumes there and asserts that the run ends with the same files (`made.rs`).

use std::io::Read;
use std::process::{Child, Command, Stdio};

use tests::runs::{difference, hearing_hangups};

use crate::made::{folder, whole};
use crate::shared::signal;

/// A second SIGINT ends the program without waiting for the current step: nothing more is printed or saved, and the
/// next call resumes from the state saved before.
#[test]
fn a_second_interrupt_ends_at_once_without_harm() {
    let whole = whole();
    let runs = folder("twice");
    whole.lay(&runs, &whole.files_after(2));
    // If the step happens to end between the two signals, the run is saved as after a single one; then try again.
    for _ in 0..20 {
        let mut command = whole.train(&runs);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut training = command.spawn().unwrap();
        let mut errors = training.stderr.take().unwrap();
        let mut said = vec![0; 4];
        // The first bytes that the program prints show that it handles signals by now.
        errors.read_exact(&mut said).unwrap();
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

/// After SIGINT and then other signals the step is still finished and saved. This happens in practice: Ctrl-C in a
/// terminal reaches a training directly and as another signal from the program that started it; and a cluster sends one
/// signal shortly before a job's time is over and another one at its end.
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

/// SIGHUP, which a closed terminal or a lost connection sends, stops a run like SIGINT.
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

/// A training that was started with SIGHUP ignored, as `nohup` starts it, trains to its end although it gets one.
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

/// Training reaches its end although writing to standard error fails, because the pipe's reader is gone.
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

/// Starts a training, sends it SIGHUP once it handles signals, and returns its exit code and its
/// standard error. The first four bytes on standard error show that signals are handled.
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

/// Whether a signal sent to the process is not yet delivered, by the line `ShdPnd` of its status in `/proc`.
fn is_pending(process: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    pending.is_some_and(|mask| mask.trim().chars().any(|digit| digit != '0'))
}

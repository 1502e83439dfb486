//! Asked to stop twice: the second signal ends the program at once. (Once: `whole_pipeline/resuming.rs`.)

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

/// Whether a signal waits to be taken by the process.
fn is_pending(process: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    pending.is_some_and(|mask| mask.trim().chars().any(|digit| digit != '0'))
}

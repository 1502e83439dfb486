//! Tests `cargo xtask status --follow` where its output is no terminal: a block each time a step or an epoch
//! has ended, without control characters, until the reproduction has ended.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::sandbox::{RECIPE, Sandbox};

/// A trainer's progress file, which the stand-in for the trainer writes: 3 of 10 epochs are finished.
/// (`tests/tests/reliability/watched.rs` compares it with the real trainer's.)
const WRITTEN: &str = include_str!("../fixtures/progress.json");
/// The lines that `status` makes of it: where the training is, and for each curve its three epochs and last value.
const LINES: [&str; 2] = [
    "    epoch 4 of 10, step 12 of 63, about 4 min left",
    "    loss █▃▁ 0.4500   val F1 ▁▆█ 50.0 %   EPG ▁▂█ 70.0 %",
];

#[test]
fn status_follows_a_reproduction_to_its_end() {
    let sandbox = Sandbox::new();
    sandbox.write("progress", WRITTEN);
    // The stand-in for the trainer makes the file `holding` and waits until `hold` is removed.
    sandbox.write("hold", "");
    let mut reproduce = sandbox.command(RECIPE, &[]);
    reproduce.stdout(Stdio::null()).stderr(Stdio::null());
    let mut reproduce = reproduce.spawn().unwrap();
    sandbox.until(&mut reproduce, "holding");
    let mut follow = Command::new(env!("CARGO_BIN_EXE_xtask"));
    follow.args(["status", "--follow", "--out"]);
    follow.arg(sandbox.path("out"));
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(follow.stdout.take().unwrap());
    // The first block is there while the reproduction goes on.
    let mut first = String::new();
    while !first.contains("steps done") {
        assert_ne!(said.read_line(&mut first).unwrap(), 0, "{first}");
    }
    let lines: Vec<&str> = first.lines().collect();
    assert!(
        lines[0].starts_with("baseline/1  train  baseline"),
        "{first}"
    );
    assert_eq!(lines[1..3], LINES, "{first}");
    assert!(first.contains("1 of 9 steps done, 1 running"), "{first}");
    sandbox.remove("hold");
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    assert_eq!(reproduce.wait().unwrap().code(), Some(0));
    let last = rest.trim_end().lines().next_back().unwrap();
    assert!(last.contains(": 9 of 9 steps done, 0 running"), "{rest}");
    // No escape sequence of a terminal.
    assert!(!(first + &rest).contains('\u{1b}'));
    // Where nothing is at work, it ends at once, with what `status` prints.
    assert_eq!(sandbox.status(&["--follow"]), sandbox.status(&[]));
}

/// A progress file that is cut short, or of another version of the trainer, is treated as if there were none.
#[test]
fn what_a_training_says_wrongly_is_left_out() {
    for text in ["", "{\"epochs\": 3", "{\"epochs\": 3}", "[1]"] {
        let sandbox = Sandbox::new();
        sandbox.write("progress", text);
        sandbox.write("hold", "");
        let mut reproduce = sandbox.command(RECIPE, &[]);
        reproduce.stdout(Stdio::null()).stderr(Stdio::null());
        let mut reproduce = reproduce.spawn().unwrap();
        sandbox.until(&mut reproduce, "holding");
        let said = sandbox.status(&[]);
        assert!(said.contains("running for "), "{text}: {said}");
        assert!(!said.contains("epoch"), "{text}: {said}");
        sandbox.remove("hold");
        assert_eq!(reproduce.wait().unwrap().code(), Some(0));
    }
}

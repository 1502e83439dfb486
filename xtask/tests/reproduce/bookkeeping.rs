//! Tests that no finished work is lost when a small file about the steps is damaged or cannot be written:
//! the measured rates (`rates.toml`, seconds for each kind of work), the records of how steps ended (`steps/`) and
//! `plan.toml`. A shell script stands in for the programs of the stages; the recipe's plan has 9 steps.

use std::process::Stdio;

use crate::sandbox::{RECIPE, Sandbox};

/// The beginning of an entry of `rates.toml`, without its two numbers.
const RATE: &str = "[[rate]]\nway = \"plain\"\nbackbone = \"resnet18\"\nsize = 32\n\
                    device = \"cpu\"\n";

#[test]
fn a_finished_training_is_not_failed_by_damaged_rates() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.step("data").code, 0);
    // No TOML entry, a missing key, an unknown value, and numbers that cannot be a rate.
    let damaged = [
        "no rates",
        "[[rate]]\nway = \"plain\"\n",
        "[[rate]]\nway = \"by a later version\"\n",
        &format!("{RATE}times = 0.0\nseconds = 1.0\n"),
        &format!("{RATE}times = nan\nseconds = 1.0\n"),
        &format!("{RATE}times = 1.0\nseconds = inf\n"),
        &format!("{RATE}times = 1.0\nseconds = -1.0\n"),
    ];
    for text in damaged {
        sandbox.write("out/rates.toml", text);
        let done = sandbox.step("baseline/1");
        assert_eq!(done.code, 0, "{text}: {}", done.stderr);
        let lines = done.stderr.lines();
        let warnings: Vec<&str> = lines.filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(warnings.len(), 1, "{text}: {warnings:?}");
        assert!(warnings[0].contains("rates.toml: "), "{text}: {warnings:?}");
        let record = sandbox.read("out/steps/baseline/1.toml");
        assert!(record.contains("state = \"finished\""), "{text}: {record}");
        // The damaged file is replaced by a new one, which the next step reads without a warning.
        assert!(
            sandbox.read("out/rates.toml").contains("\"start\""),
            "{text}"
        );
        std::fs::remove_dir_all(sandbox.path("out/runs")).unwrap();
        let done = sandbox.step("baseline/1");
        assert!(!done.stderr.contains("warning"), "{}", done.stderr);
        std::fs::remove_dir_all(sandbox.path("out/runs")).unwrap();
    }
    // Bytes that are not UTF-8; then a folder where the file or its lock should be written.
    std::fs::write(sandbox.path("out/rates.toml"), [0xff, 0xfe]).unwrap();
    let done = sandbox.step("baseline/1");
    assert_eq!(done.code, 0, "{}", done.stderr);
    std::fs::remove_dir_all(sandbox.path("out/runs")).unwrap();
    for name in ["out/rates.toml", "out/rates.lock"] {
        sandbox.remove(name);
        std::fs::create_dir_all(sandbox.path(name).join("in the way")).unwrap();
        let done = sandbox.step("baseline/1");
        assert_eq!(done.code, 0, "{}", done.stderr);
        let expected = "how long it took is not noted";
        assert!(done.stderr.contains(expected), "{}", done.stderr);
        std::fs::remove_dir_all(sandbox.path("out/runs")).unwrap();
    }
}

#[test]
fn a_reproduction_goes_on_beside_damaged_rates() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    sandbox.write("out/rates.toml", "no rates");
    for flags in [&["--dry-run"][..], &[]] {
        let done = sandbox.reproduce(RECIPE, flags);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let expected = "rates.toml: line 1: ";
        assert!(done.stderr.contains(expected), "{}", done.stderr);
        assert!(done.stdout.contains("8 of 9 steps done"), "{}", done.stdout);
    }
}

/// The record of how a step ended is written last. If that fails, the step's work is done all the same, and
/// its exit code is 0.
#[test]
fn a_step_whose_end_cannot_be_noted_has_ended_all_the_same() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.step("data").code, 0);
    sandbox.write("hold", "");
    let mut command = sandbox.step_command("baseline/1");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    sandbox.until(&mut child, "holding");
    sandbox.remove("out/steps/baseline/1.toml");
    std::fs::create_dir_all(sandbox.path("out/steps/baseline/1.toml/in the way")).unwrap();
    sandbox.remove("hold");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("status will not know how it ended"), "{said}");
}

#[test]
fn status_tells_what_it_can_beside_a_damaged_file() {
    let sandbox = Sandbox::new();
    sandbox.write("fail", "trainer train \"l1");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 1);
    let whole = sandbox.status(&["--all"]);
    for damaged in [
        "",
        "state = \"by a later version\"\n",
        "state = \"running\"\n",
    ] {
        sandbox.write("out/steps/guided/1.toml", damaged);
        let out = sandbox.path("out");
        let done = sandbox.xtask(&["status", "--all", "--out", out.to_str().unwrap()]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let expected = "guided/1.toml: line ";
        assert!(done.stderr.contains(expected), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        // The lines of the other steps are as before the damage.
        let others = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.contains("  "));
            let lines = lines.filter(|line| !line.starts_with("guided/1 "));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(others(&done.stdout), others(&whole));
    }
    sandbox.write("out/plan.toml", "recipe = \"recipe\"\n");
    let out = sandbox.path("out");
    let done = sandbox.xtask(&["status", "--out", out.to_str().unwrap()]);
    assert_eq!(done.code, 1);
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", done.stderr);
    assert!(lines[0].contains("plan.toml: line "), "{lines:?}");
    assert!(lines[1].starts_with("hint: the same cargo xtask reproduce"));
    sandbox.remove("fail");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
}

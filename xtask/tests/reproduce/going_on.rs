//! Starting again: after a signal, after the recipe has changed; and what a dry run says of it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::sandbox::{RECIPE, Sandbox, starting_with};

/// As a terminal sends Ctrl-C: to the whole process group.
#[test]
fn a_signal_stops_everything_and_the_same_command_goes_on() {
    stopped_by(&|id| vec!["-INT".into(), "--".into(), format!("-{id}")]);
}

/// As a supervisor, or somebody with a process's id: to the one program.
#[test]
fn a_signal_to_the_one_program_reaches_those_it_started() {
    stopped_by(&|id| vec!["-TERM".into(), id.to_string()]);
}

/// As a terminal that is closed, and as a shell that ends before its jobs.
#[test]
fn a_hangup_stops_as_the_others_do() {
    stopped_by(&|id| vec!["-HUP".into(), "--".into(), format!("-{id}")]);
    stopped_by(&|id| vec!["-HUP".into(), id.to_string()]);
}

/// Nobody reads any more what is said.
#[test]
fn what_a_closed_terminal_ends_ends_in_good_order() {
    let sandbox = Sandbox::new();
    sandbox.write("hang", "");
    let mut command = sandbox.command_hearing_hangups(RECIPE, &["--jobs", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn().unwrap();
    sandbox.until("hanging");
    drop((child.stdout.take(), child.stderr.take()));
    kill(&["-HUP", "--", &format!("-{}", child.id())]);
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let record = sandbox.read("out/steps/baseline/1.toml");
    assert!(record.contains("state = \"stopped\""), "{record}");
    let log = sandbox.read("out/logs/baseline-1.log");
    assert!(log.contains("epoch 1 saved\n"), "{log}");
    sandbox.remove("hang");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
}

#[test]
fn what_was_started_with_nohup_outlives_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("hold", "");
    let command = sandbox.command(RECIPE, &["--jobs", "2"]);
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    nohup.arg(command.get_program()).args(command.get_args());
    nohup.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = nohup.stderr(Stdio::piped()).process_group(0).spawn();
    let child = child.unwrap();
    sandbox.until("holding");
    kill(&["-HUP", "--", &format!("-{}", child.id())]);
    sandbox.remove("hold");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(sandbox.path("out/results/report.html").is_file());
}

fn kill(arguments: &[&str]) {
    let status = Command::new("kill").args(arguments).status().unwrap();
    assert!(status.success(), "{arguments:?}");
}

fn stopped_by(signal: &dyn Fn(u32) -> Vec<String>) {
    let sandbox = Sandbox::new();
    sandbox.write("hang", "");
    let mut command = sandbox.command_hearing_hangups(RECIPE, &["--jobs", "2"]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().unwrap();
    sandbox.until("hanging");
    let running = sandbox.status(&[]);
    assert!(running.contains("baseline/1  train  baseline"), "{running}");
    assert!(running.contains("running for "), "{running}");
    assert!(
        running.contains("1 of 9 steps done, 1 running, 0 failed"),
        "{running}"
    );
    let arguments = signal(child.id());
    kill(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("baseline/1: epoch 1 saved"), "{said}");
    assert!(
        said.contains("; the same command goes on from there"),
        "{said}"
    );
    assert_eq!(starting_with(&sandbox.calls(), "trainer train"), 1);
    let stopped = sandbox.status(&[]);
    assert!(
        stopped.contains("0 running, 0 failed, 1 stopped"),
        "{stopped}"
    );
    sandbox.remove("hang");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
}

/// As when a terminal's Ctrl-C reaches a step after the one that `reproduce` passed on: on a busy machine
/// they come together, and the later is handled first.
#[test]
fn an_interrupt_after_the_signal_passed_on_is_no_second_one() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.step("data").code, 0);
    sandbox.write("hang", "");
    let mut command = sandbox.step_command("baseline/1");
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    sandbox.until("hanging");
    // Halted, it gets both at once.
    let id = child.id().to_string();
    for signal in ["-STOP", "-INT", "-USR2", "-CONT"] {
        kill(&[signal, &id]);
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("epoch 1 saved"), "{said}");
}

/// Somebody stopped one training and nothing else.
#[test]
fn what_needs_a_stopped_run_is_left_for_the_next_time() {
    let sandbox = Sandbox::new();
    sandbox.write("fail", "train \"energy ixg@final λ=0.2");
    sandbox.write("code", "75");
    let done = sandbox.reproduce(RECIPE, &["--jobs", "2"]);
    assert_eq!(done.code, 75, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("left out, as they need what did not end: score/2\n")
    );
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer train"), 4, "{calls:?}");
    assert_eq!(starting_with(&calls, "analysis report"), 1, "{calls:?}");
    sandbox.remove("fail");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
}

/// As a cluster announces the end of a job's time: to the step alone, whose training is told.
#[test]
fn a_step_passes_on_the_end_of_its_time() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.step("data").code, 0);
    sandbox.write("hang", "");
    let mut command = sandbox.step_command("baseline/1");
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    sandbox.until("hanging");
    kill(&["-USR2", &child.id().to_string()]);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("epoch 1 saved"), "{said}");
    let record = std::fs::read_to_string(sandbox.path("out/steps/baseline/1.toml")).unwrap();
    assert!(record.contains("state = \"stopped\""), "{record}");
}

#[test]
fn a_changed_lambda_trains_its_run_and_chooses_in_its_configuration_again() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    sandbox.calls();
    let other = RECIPE.replace("[0.1, 0.2]", "[0.1, 0.25]");
    let dry = sandbox.reproduce(&other, &["--dry-run"]);
    let to_do: Vec<&str> = dry
        .stdout
        .lines()
        .filter(|line| line.contains('/') && !line.ends_with("done"))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|key| key.contains('/'))
        .collect();
    assert_eq!(to_do, ["guided/2", "score/2"], "{}", dry.stdout);
    assert!(sandbox.calls().is_empty());
    assert_eq!(sandbox.reproduce(&other, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer train"), 1, "{calls:?}");
    assert!(calls[1].starts_with("trainer train \"energy ixg@final λ=0.25\""));
    assert_eq!(starting_with(&calls, "trainer explain"), 2, "{calls:?}");
    let report = calls.last().unwrap();
    assert_eq!(
        report.matches("--run ").count(),
        4,
        "λ = 0.2 is not of this recipe"
    );
    // Back again: everything is there.
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    assert_eq!(sandbox.calls().len(), 2);
}

#[test]
fn other_options_of_the_scores_train_nothing() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    sandbox.calls();
    let other = format!("{RECIPE}\n[evaluation]\nthreshold = 0.25\n");
    sandbox.write("fail", "evaluator");
    assert_eq!(sandbox.reproduce(&other, &[]).code, 1);
    // Each step's first score broke off: what it may have left is not taken for finished, old or new.
    sandbox.remove("fail");
    sandbox.calls();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer train"), 0, "{calls:?}");
    assert_eq!(starting_with(&calls, "trainer explain val"), 3, "{calls:?}");
    // Other intervals: the thresholds of the validation images are the same.
    let other = format!("{RECIPE}\n[evaluation]\nreplicates = 50\n");
    assert_eq!(sandbox.reproduce(&other, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer explain val"), 0, "{calls:?}");
    assert_eq!(
        starting_with(&calls, "trainer explain test"),
        4,
        "{calls:?}"
    );
}

#[test]
fn rates_are_measured_as_steps_finish() {
    let sandbox = Sandbox::new();
    let before = sandbox
        .reproduce(RECIPE, &["--dry-run", "--device", "cpu"])
        .stdout;
    assert!(
        before.contains("at the rates of docs/benchmarks.md"),
        "{before}"
    );
    assert!(before.contains("on one GPU about "), "{before}");
    assert!(!sandbox.path("out").exists());
    assert_eq!(sandbox.reproduce(RECIPE, &["--device", "cpu"]).code, 0);
    let rates = std::fs::read_to_string(sandbox.path("out/rates.toml")).unwrap();
    // Starts and plain steps; guided, validated and explained at both layers.
    assert_eq!(rates.matches("[[rate]]").count(), 2 + 3 * 2, "{rates}");
    let more = RECIPE.replace("[0.3]", "[0.3, 0.4]");
    let after = sandbox
        .reproduce(&more, &["--dry-run", "--device", "cpu"])
        .stdout;
    assert!(
        after.contains("at the rates measured in this folder"),
        "{after}"
    );
}

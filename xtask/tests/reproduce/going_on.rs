//! Tests that the same `reproduce` command goes on after it was stopped by a signal, and that after a change
//! of the recipe it does only what the change needs. `--dry-run` must list the same steps.
//!
//! The recipe has a baseline, two guided runs with the Energy loss (two λ) and one with L1; its plan has 9 steps:
//! data, 4 trainings, 3 scores (baseline, Energy, L1) and the report. A shell script stands in for the programs of
//! the stages. With the file `hang` its training waits for a signal, with `hold` until that file is removed.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::sandbox::{RECIPE, Sandbox, starting_with};

/// A terminal sends Ctrl-C (SIGINT) to the whole process group.
#[test]
fn a_signal_stops_everything_and_the_same_command_goes_on() {
    stopped_by(&|id| vec!["-INT".into(), "--".into(), format!("-{id}")]);
}

/// A supervisor sends SIGTERM to `reproduce` alone, which must pass it on to the steps.
#[test]
fn a_signal_to_the_one_program_reaches_those_it_started() {
    stopped_by(&|id| vec!["-TERM".into(), id.to_string()]);
}

/// A closed terminal sends SIGHUP to the whole process group, a shell that ends sends it to its job alone.
#[test]
fn a_hangup_stops_as_the_others_do() {
    stopped_by(&|id| vec!["-HUP".into(), "--".into(), format!("-{id}")]);
    stopped_by(&|id| vec!["-HUP".into(), id.to_string()]);
}

/// Standard output and error are closed together with the terminal. The failing writes must not keep
/// `reproduce` from saving, noting the step as stopped and ending with exit code 75.
#[test]
fn what_a_closed_terminal_ends_ends_in_good_order() {
    let sandbox = Sandbox::new();
    sandbox.write("hang", "");
    let mut command = sandbox.command_hearing_hangups(RECIPE, &["--jobs", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn().unwrap();
    sandbox.until(&mut child, "hanging");
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
    nohup.stdin(Stdio::null()).stdout(Stdio::null());
    let child = nohup.stderr(Stdio::piped()).process_group(0).spawn();
    let mut child = child.unwrap();
    sandbox.until(&mut child, "holding");
    kill(&["-HUP", "--", &format!("-{}", child.id())]);
    sandbox.remove("hold");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(sandbox.path("out/results/report.html").is_file());
}

/// Runs the command `kill`.
fn kill(arguments: &[&str]) {
    let status = Command::new("kill").args(arguments).status().unwrap();
    assert!(status.success(), "{arguments:?}");
}

/// Starts `reproduce`, stops it while the baseline is trained, and checks that the training saved, that the
/// exit code is 75 and that the same command then succeeds. `signal` makes the arguments of `kill` from the
/// process id, which is the id of the group as well.
fn stopped_by(signal: &dyn Fn(u32) -> Vec<String>) {
    let sandbox = Sandbox::new();
    sandbox.write("hang", "");
    let mut command = sandbox.command_hearing_hangups(RECIPE, &["--jobs", "2"]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().unwrap();
    sandbox.until(&mut child, "hanging");
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

/// At a terminal's Ctrl-C a step gets SIGINT from the terminal and SIGUSR2 from `reproduce`. On a busy
/// machine both are pending at once, and SIGUSR2 may be handled first. SIGINT must not count as a second
/// Ctrl-C then, which would end the step without saving.
#[test]
fn an_interrupt_after_the_signal_passed_on_is_no_second_one() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.step("data").code, 0);
    sandbox.write("hang", "");
    let mut command = sandbox.step_command("baseline/1");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    sandbox.until(&mut child, "hanging");
    // While the process is halted (STOP) both signals become pending; it gets them together on CONT.
    let id = child.id().to_string();
    for signal in ["-STOP", "-INT", "-USR2", "-CONT"] {
        kill(&[signal, &id]);
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("epoch 1 saved"), "{said}");
}

/// One training alone was stopped (exit code 75). The others go on, and the step that needs it is left out.
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

/// A cluster announces the end of a job's time with SIGUSR2 to the step alone. The step must pass it on to
/// its training, which saves.
#[test]
fn a_step_passes_on_the_end_of_its_time() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.step("data").code, 0);
    sandbox.write("hang", "");
    let mut command = sandbox.step_command("baseline/1");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    sandbox.until(&mut child, "hanging");
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
    // With the first recipe again, everything is there: only data-prep and the report are started.
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
    // The first evaluation of each score step broke off and may have left files. They must be taken for
    // finished neither with the new options nor with the old ones.
    sandbox.remove("fail");
    sandbox.calls();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer train"), 0, "{calls:?}");
    assert_eq!(starting_with(&calls, "trainer explain val"), 3, "{calls:?}");
    // Another number of bootstrap replicates changes intervals of test images only, so the validation images
    // are not scored again.
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
    // A rate each for starting a program and for plain steps, and three at each of the two layers: guided
    // steps, validation and explaining.
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

/// The stand-in says that 3 of 10 epochs are finished, and ends, as a trainer that early stopping ends.
#[test]
fn rates_are_measured_of_the_epochs_that_early_stopping_left() {
    let sandbox = Sandbox::new();
    sandbox.write("progress", include_str!("../fixtures/progress.json"));
    let limited = "size = 32\nlimit = { train = 40, val = 10, test = 10 }\n";
    let early = "epochs = 10\nearly_stopping = { metric = \"f1\", patience = 2 }\n";
    let recipe = RECIPE
        .replace("size = 32\n", limited)
        .replace("epochs = 2\n", early);
    let done = sandbox.reproduce(&recipe, &["--device", "cpu"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let rates = sandbox.read("out/rates.toml");
    let mut each = rates.split("[[rate]]");
    // The baseline's: 3 epochs of 40 images.
    let plain = each.find(|rate| rate.contains("way = \"plain\"")).unwrap();
    assert!(plain.contains("times = 120.0\n"), "{plain}");
}

/// Of own data a training step is timed first. By its pace, three times the tables', the recipe gets fewer images,
/// and the plan's time is the same number of minutes.
#[test]
fn the_plan_of_own_data_goes_by_the_pace_of_this_machine() {
    let sandbox = Sandbox::new();
    let data = sandbox.own_data([2000, 5, 5]);
    sandbox.write("pace", "0.0045\n");
    let fit = "[fit]\nminutes = 3\nbaseline_steps = 20\nguided_steps = 10\n";
    let own = RECIPE.replace("dataset = \"scenes\"\n", "") + fit;
    let flags = ["--device", "cpu", "--data", data.as_str()];
    let dry = sandbox.reproduce(&own, &[&flags[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    let between = |start: &str, end: &str| {
        let (before, _) = dry.stdout.split_once(end).unwrap();
        before.rsplit_once(start).unwrap().1.to_owned()
    };
    let minutes = between(
        "of 2000 training images, so that it takes about ",
        " minutes",
    );
    let left = between(
        " steps done, about ",
        " left (at the pace measured on this machine)",
    );
    assert_eq!(left, format!("{minutes} min"), "{}", dry.stdout);
    assert!(!sandbox.path("out").exists());

    let done = sandbox.reproduce(&own, &flags);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let before = format!("0 of 9 steps done, about {left} left\n");
    assert!(done.stderr.contains(&before), "{}", done.stderr);
    assert!(sandbox.read("out/pace.toml").contains("seconds = 0.0045"));
}

//! Tests score steps (explain a checkpoint's images, then evaluate the maps): how they end at a job's time
//! limit and resume, and when finished evaluations are made again.
//!
//! The programs of the stages are replaced by a stand-in, a shell script that notes each call in a list. A call
//! whose line contains the text in the file `linger` makes the file `lingering` and then sleeps for ten
//! minutes. The recipe has a baseline, two runs guided by Energy at the final layer and one by L1 at the input.

use std::process::Stdio;

use crate::sandbox::{Done, RECIPE, Sandbox, done, starting_with};

/// Starts the step that scores the baseline's checkpoint: maps of two layers, each on validation and test
/// images. Once a stand-in lingers, it sends SIGUSR2 to the step, as a cluster does ahead of a job's time
/// limit. A step with `--comes-back` is queued again when it ends with code 75.
fn out_of_time(sandbox: &Sandbox, flags: &[&str]) -> Done {
    let _ = std::fs::remove_file(sandbox.path("lingering"));
    let mut command = sandbox.step_command("score/1");
    command.args(flags).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    sandbox.until(&mut child, "lingering");
    let mut kill = std::process::Command::new("kill");
    let told = kill.args(["-USR2", &child.id().to_string()]).status();
    assert!(told.unwrap().success());
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Makes a sandbox whose data is prepared and whose baseline is trained.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    for key in ["data", "baseline/1"] {
        assert_eq!(sandbox.step(key).code, 0, "{key}");
    }
    sandbox.calls(); // empties the list, so that only later calls are counted
    sandbox
}

/// A stand-in that lingers would last for ten minutes: the step must end it at the signal.
#[test]
fn a_score_whose_time_is_over_ends_at_once_and_the_next_goes_on() {
    let sandbox = trained();
    for lingering in ["trainer explain test", "evaluator test"] {
        sandbox.write("linger", lingering);
        let stopped = out_of_time(&sandbox, &["--comes-back"]);
        assert_eq!(stopped.code, 75, "{}", stopped.stderr);
        let record = sandbox.read("out/steps/score/1.toml");
        assert!(record.contains("state = \"stopped\""), "{record}");
    }
    sandbox.remove("linger");
    let calls = sandbox.calls();
    // Neither attempt came beyond the first layer. They explained its validation images once: the second kept
    // what the first had finished.
    assert_eq!(starting_with(&calls, "trainer explain val"), 1, "{calls:?}");
    let ended = sandbox.step("score/1");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    // What was left: that layer's test images, and the other layer's validation and test images.
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer explain val"), 1, "{calls:?}");
    assert_eq!(
        starting_with(&calls, "trainer explain test"),
        2,
        "{calls:?}"
    );
}

#[test]
fn a_score_that_can_never_end_in_its_time_does_not_come_back_for_ever() {
    let sandbox = trained();
    sandbox.write("linger", "trainer explain test");
    // The first attempt scores the validation images, the next two get nothing done. After two such attempts
    // in a row the step fails instead of asking for another job.
    for code in [75, 75, 1] {
        let done = out_of_time(&sandbox, &["--comes-back"]);
        assert_eq!(done.code, code, "{}", done.stderr);
        if code == 1 {
            let expected = "scoring baseline: found no evaluation made in the time of a job, 2 times \
                            in a row, expected one at least: ask for more (--time)";
            assert!(done.stderr.contains(expected), "{}", done.stderr);
        }
    }
    let record = sandbox.read("out/steps/score/1.toml");
    assert!(record.contains("state = \"failed\""), "{record}");
    // Submitted again (the user may have asked for more time), the step has two attempts again.
    assert_eq!(out_of_time(&sandbox, &["--comes-back"]).code, 75);
    assert_eq!(out_of_time(&sandbox, &["--comes-back"]).code, 1);
    // A step that is started by hand, without `--comes-back`, may be stopped any number of times.
    for _ in 0..3 {
        assert_eq!(out_of_time(&sandbox, &[]).code, 75);
    }
}

#[test]
fn scores_of_another_version_of_formulas_or_tables_are_made_again() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    sandbox.calls(); // empties the list
    let runs = sandbox.path("out/runs");
    let made = std::fs::read_dir(runs).unwrap().map(|run| {
        let folder = run.unwrap().path().join("evaluations");
        folder.join("val-ixg-final-epoch-0001/options.toml")
    });
    let stamps: Vec<_> = made.filter(|stamp| stamp.is_file()).collect();
    // At the final layer: the baseline's, and that of the Energy run whose λ was chosen.
    assert_eq!(stamps.len(), 2);
    let text = std::fs::read_to_string(&stamps[0]).unwrap();
    let options = text.strip_prefix("formulas = 2\nscores = 4\n").unwrap();
    // Files of older programs: without versions, without the tables' version, of older tables. Then two
    // damaged files.
    let of_formulas = format!("formulas = 2\n{options}");
    let of_tables = format!("formulas = 2\nscores = 3\n{options}");
    for former in [options, &of_formulas, &of_tables, "", "formulas = 2"] {
        std::fs::write(&stamps[0], former).unwrap();
        assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
        // The validation images alone: the stamp of the test images' evaluation is as it should be.
        let calls = sandbox.calls();
        assert_eq!(starting_with(&calls, "trainer explain"), 1, "{calls:?}");
    }
    sandbox.write("formulas", "formulas = 3\nscores = 4\n");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer train"), 0, "{calls:?}");
    // Four pairs of checkpoint and layer, each on validation and test images.
    assert_eq!(starting_with(&calls, "trainer explain"), 8, "{calls:?}");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    // data-prep, which checks the data folder, and the report.
    assert_eq!(sandbox.calls().len(), 2);
}

/// An evaluation is made anew for other metrics, of test images alone; without any its options are as they were
/// before metrics could be asked for.
#[test]
fn metrics_that_are_asked_for_are_those_of_test_images() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    let runs = std::fs::read_dir(sandbox.path("out/runs")).unwrap();
    let mut stamps = runs.map(|run| {
        let folder = run.unwrap().path().join("evaluations");
        folder.join("test-ixg-final-epoch-0001/options.toml")
    });
    let stamp = stamps.find(|stamp| stamp.is_file()).unwrap();
    let before = std::fs::read_to_string(&stamp).unwrap();
    let expected = "formulas = 2\nscores = 4\nthreshold = 0.5\nreplicates = 1000\nexamples = 32\n";
    assert_eq!(before, expected);
    sandbox.calls(); // empties the list
    let asking = format!("{RECIPE}[evaluation]\nmetrics = [\"auc\", \"gini\"]\n");
    assert_eq!(sandbox.reproduce(&asking, &[]).code, 0);
    let calls = sandbox.calls();
    let scored: Vec<&String> = calls
        .iter()
        .filter(|call| call.starts_with("evaluator"))
        .collect();
    assert_eq!(scored.len(), 4, "{calls:?}");
    for call in scored {
        let is_asking = call.starts_with("evaluator test") && call.ends_with(" auc,gini");
        assert!(is_asking, "{call}");
    }
    let text = std::fs::read_to_string(&stamp).unwrap();
    let expected = format!("{before}metrics = [\"auc\", \"gini\"]\n");
    assert_eq!(text, expected);
}

/// How faithful maps are is measured of the checkpoints that stand for runs, beside their evaluations, which are not
/// made again. The stand-in chooses another Energy run against the baseline than for the front, so that one is
/// scored, too.
#[test]
fn faithfulness_is_measured_where_a_recipe_asks_for_it() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(
        starting_with(&calls, "trainer faithfulness"),
        0,
        "{calls:?}"
    );
    for (pairs, n_explained) in [(50, 2), (60, 0)] {
        let asking = format!("{RECIPE}[evaluation]\nfaithfulness = {pairs}\n");
        assert_eq!(sandbox.reproduce(&asking, &[]).code, 0);
        let calls = sandbox.calls();
        let measured = calls
            .iter()
            .filter(|call| call.starts_with("trainer faithfulness"));
        let ends: Vec<&str> = measured
            .clone()
            .map(|call| call.rsplit_once(" test ").unwrap().1)
            .collect();
        // The baseline through both maps, Energy and L1 each through its own.
        let [last, first] = ["ixg@final", "ixg@input"].map(|maps| format!("1 {maps} {pairs}"));
        let mut sorted = ends.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [&last, &last, &first, &first], "{calls:?}");
        assert_eq!(starting_with(&calls, "trainer train"), 0, "{calls:?}");
        let explained = starting_with(&calls, "trainer explain");
        assert_eq!(explained, n_explained, "{calls:?}");
        // Another time data-prep checks the data folder, and the report is made.
        assert_eq!(sandbox.reproduce(&asking, &[]).code, 0);
        assert_eq!(sandbox.calls().len(), 2);
    }
    // A table without its stamp, and a stamp of another version, are not trusted.
    let runs = std::fs::read_dir(sandbox.path("out/runs")).unwrap();
    let stamps = runs.map(|run| {
        let folder = run.unwrap().path().join("evaluations");
        folder.join("test-ixg-input-epoch-0001/faithfulness.toml")
    });
    let stamps: Vec<_> = stamps.filter(|stamp| stamp.is_file()).collect();
    assert_eq!(
        std::fs::read_to_string(&stamps[0]).unwrap(),
        "version = 1\npairs = 60\n"
    );
    std::fs::remove_file(&stamps[0]).unwrap();
    std::fs::write(&stamps[1], "version = 0\npairs = 60\n").unwrap();
    let asking = format!("{RECIPE}[evaluation]\nfaithfulness = 60\n");
    assert_eq!(sandbox.reproduce(&asking, &[]).code, 0);
    let calls = sandbox.calls();
    assert_eq!(
        starting_with(&calls, "trainer faithfulness"),
        2,
        "{calls:?}"
    );
}

/// A process of xtask asks `evaluator formulas` once for the versions of formulas and tables. At each call the
/// stand-in adds a line to the file `asked`.
#[test]
fn each_process_asks_for_the_versions_once() {
    let sandbox = trained();
    let scored = sandbox.step("score/1");
    assert_eq!(scored.code, 0, "{}", scored.stderr);
    assert_eq!(starting_with(&sandbox.calls(), "evaluator"), 4);
    assert_eq!(sandbox.read("asked"), "asked\n");
    // With everything done, `reproduce` checks many evaluations side by side, and must ask only once.
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    sandbox.remove("asked");
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    assert_eq!(sandbox.read("asked"), "asked\n");
    sandbox.write("formulas", "two\n");
    let refused = done(sandbox.step_command("score/1"));
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let expected = "error: evaluator formulas: found \"two\", expected lines `name = version`";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

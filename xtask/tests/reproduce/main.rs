//! Tests `cargo xtask reproduce`, which makes a recipe's report (a recipe describes an experiment), and `xtask
//! step`, which does one step of it. A shell script (`stand_in.sh`) takes the place of the programs data-prep,
//! trainer, evaluator and analysis and writes down each call. Checked are which programs are started, in which
//! order and on which device, what is not started again, and the ends after failures and signals.

#![allow(clippy::unwrap_used)]

mod bookkeeping;
mod failing;
mod following;
mod going_on;
mod machine;
mod networks;
mod sandbox;
mod scoring;
mod spelling;
mod system;

use sandbox::{RECIPE, Sandbox, starting_with};

#[test]
fn every_step_is_done_once_whatever_the_number_of_jobs() {
    for jobs in ["1", "2", "8"] {
        let sandbox = Sandbox::new();
        let done = sandbox.reproduce(RECIPE, &["--jobs", jobs, "--device", "cpu"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let calls = sandbox.calls();
        assert!(calls[0].starts_with("data-prep scenes --out "), "{calls:?}");
        assert_eq!(calls[1], "trainer train \"baseline\" cpu");
        assert_eq!(starting_with(&calls, "trainer train \""), 4, "{calls:?}");
        // One checkpoint is chosen of the two λ of Energy, one of L1 and one of the baseline. The baseline's
        // is scored with the maps of both layers: 1 + 1 + 2 calls for each split.
        assert_eq!(starting_with(&calls, "trainer explain val 1 "), 4);
        assert_eq!(starting_with(&calls, "trainer explain test 1 "), 4);
        let report = calls.last().unwrap();
        assert!(report.starts_with("analysis report --results "), "{report}");
        assert_eq!(report.matches("--run ").count(), 4, "{report}");
        assert!(report.ends_with("--show epg_f1 --show panel"), "{report}");
        assert_eq!(calls.len(), 1 + 4 + 2 * 8 + 1, "{calls:?}");
        assert!(sandbox.path("out/results/report.html").is_file());
        assert!(done.stdout.contains("open "), "{}", done.stdout);
        // The same command again starts only data-prep, which checks the data's folder, and the report.
        let done = sandbox.reproduce(RECIPE, &["--jobs", jobs, "--device", "cpu"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let expected = "8 of 9 steps done, nothing left but the report";
        assert!(done.stdout.contains(expected), "{}", done.stdout);
        let again = sandbox.calls();
        assert_eq!(again.len(), 2, "{again:?}");
        assert_eq!(again[1], *report);
    }
}

/// Validation images are scored first, without bootstrap resamples (0). Test images follow with 1000
/// resamples and the thresholds that the validation images chose.
#[test]
fn a_chosen_checkpoint_is_scored_on_validation_images_before_test_images() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &[]).code, 0);
    let evaluator: Vec<String> = sandbox
        .calls()
        .into_iter()
        .filter(|call| call.starts_with("evaluator"))
        .collect();
    let (val, test) = ("val-ixg-final-epoch-0001", "test-ixg-final-epoch-0001");
    assert_eq!(
        evaluator[..2],
        [
            format!("evaluator {val} 0.5 0 "),
            format!("evaluator {test} 0.5 1000 {val}"),
        ]
    );
}

#[test]
fn two_devices_work_side_by_side() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.reproduce(RECIPE, &["--device", "cpu"]).code, 0);
    sandbox.calls();
    // Two more runs. With the file `meet` each waits until the other has started, else it fails.
    sandbox.write("meet", "");
    let more = RECIPE.replace("[0.3]", "[0.3, 0.4, 0.5]");
    let done = sandbox.reproduce(&more, &["--device", "cuda:0,cuda:1"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let mut trained: Vec<String> = sandbox
        .calls()
        .into_iter()
        .filter(|call| call.starts_with("trainer train"))
        .collect();
    trained.sort();
    let devices: Vec<&str> = trained
        .iter()
        .map(|call| call.rsplit_once(' ').unwrap().1)
        .collect();
    assert_eq!(trained.len(), 2, "{trained:?}");
    assert_ne!(devices[0], devices[1], "{trained:?}");
    assert!(devices.iter().all(|device| device.starts_with("cuda:")));
}

/// With both tasks of Waterbirds only the conventional baseline is trained (bird classes); for the reversed
/// task (background classes) the same checkpoint is scored once more with the other labels.
#[test]
fn a_conventional_baseline_is_rescored_for_the_reversed_task() {
    let sandbox = Sandbox::new();
    let recipe = RECIPE
        .replace("\"scenes\"", "\"waterbirds-100\"")
        .replace(
            "size = 32",
            "size = 32\ntask = [\"conventional\", \"reversed\"]",
        )
        .replace("[guided]", "[guided]\nstart = \"weights\"");
    let data = sandbox.path("birds");
    std::fs::create_dir(&data).unwrap();
    let done = sandbox.reproduce(&recipe, &["--data", data.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer train \"baseline"), 1);
    assert_eq!(starting_with(&calls, "trainer train"), 1 + 2 * 3);
    let rescored = "test-ixg-final-epoch-0001-reversed";
    let found = calls.iter().filter(|call| call.contains(rescored));
    assert_eq!(found.count(), 1, "{calls:?}");
    // The reversed guided runs' own evaluations have the usual names.
    let reversed = calls
        .iter()
        .filter(|call| call.starts_with("trainer explain test") && call.ends_with(" reversed"));
    assert_eq!(reversed.count(), 2 + 2, "{calls:?}");
}

#[test]
fn weights_of_ones_own_are_taken_and_missing_ones_refused_before_anything_is_written() {
    let sandbox = Sandbox::new();
    let recipe = RECIPE.replace("init = \"scratch\"", "init = \"imagenet\"");
    let done = sandbox.reproduce(&recipe, &[]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.starts_with(
            "error: --weights: found nothing, expected a folder with resnet18.safetensors\nhint: "
        ),
        "{}",
        done.stderr
    );
    assert!(!sandbox.path("out").exists());
    sandbox.write("resnet18.safetensors", "");
    let folder = sandbox.path("");
    let done = sandbox.reproduce(&recipe, &["--weights", folder.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let config = std::fs::read_to_string(sandbox.path("out/configs/baseline-1.toml")).unwrap();
    assert!(config.contains("resnet18.safetensors\""), "{config}");
}

#[test]
fn one_step_can_be_made_alone_and_an_unknown_one_is_answered_with_the_known() {
    let sandbox = Sandbox::new();
    let done = sandbox.step("guided/9");
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .contains("step: found \"guided/9\", expected one of data, baseline/1, "),
        "{}",
        done.stderr
    );
    let done = sandbox.step("guided/1");
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .contains("training energy ixg@final λ=0.1: its baseline is not finished"),
        "{}",
        done.stderr
    );
    for key in ["data", "baseline/1", "guided/1"] {
        let done = sandbox.step(key);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    assert_eq!(sandbox.calls().len(), 3);
}

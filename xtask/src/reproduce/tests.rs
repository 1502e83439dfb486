//! Recipes carried out by stand-ins for the stages' programs: what is started, in which order, what
//! is not started again, and how a failure ends.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::workshop::Workshop;
use super::{STAGES, device, lock, perform};
use crate::paths;
use crate::plan::{Plan, StepKind};
use crate::process::BinDir;
use crate::recipe::Recipe;

const RECIPE: &str = r#"
about = "Three runs."
[data]
dataset = "scenes"
size = 32
[model]
backbone = "resnet18"
init = "scratch"
batch_size = 8
[baseline]
epochs = 2
learning_rate = 1e-3
[guided]
epochs = 1
learning_rate = 1e-3
[[guided.grid]]
attribution = ["ixg"]
layer = ["final"]
loss = ["energy", "l1"]
lambda = [0.1]
"#;

struct Place {
    /// With a space, as people's folders have.
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        for stage in STAGES {
            let stand_in = paths::root().join("xtask/src/reproduce/stand_in.sh");
            symlink(stand_in, folder.path().join(stage)).unwrap();
        }
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Carries out `recipe`; gives the number of steps found done, and the error.
    fn reproduce(&self, recipe: &str, n_jobs: usize) -> (usize, Option<String>) {
        let file = self.path("recipe.toml");
        std::fs::write(&file, recipe).unwrap();
        let recipe = Recipe::read(Path::new("/"), file.to_str().unwrap()).unwrap();
        let out = self.path("out");
        let mut shop = Workshop {
            recipe: recipe.clone(),
            source: None,
            lock: Some(lock(&out).unwrap()),
            out,
            device: "cpu".to_owned(),
            n_at_once: 1,
            programs: BinDir::of(STAGES.map(|stage| (stage.to_owned(), self.path(stage)))),
        };
        let mut plan = Plan::new(&recipe);
        let runs = shop.mark_finished(&mut plan).unwrap();
        let n_done = plan.steps.iter().filter(|step| step.is_done).count();
        let error = perform(&mut shop, &plan, runs, n_jobs).err();
        (n_done, error.map(|error| format!("{error:#}")))
    }

    /// What was started since the last call, in order.
    fn calls(&self) -> Vec<String> {
        let path = self.path("calls");
        let calls = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, "").unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

fn starting_with(calls: &[String], start: &str) -> usize {
    calls.iter().filter(|call| call.starts_with(start)).count()
}

#[test]
fn every_step_is_done_once_whatever_the_number_of_jobs() {
    for n_jobs in [1, 2, 8] {
        let place = Place::new();
        assert_eq!(place.reproduce(RECIPE, n_jobs), (0, None));
        let calls = place.calls();
        assert!(calls[0].starts_with("data-prep scenes --out "), "{calls:?}");
        assert_eq!(calls[1], "trainer train \"baseline\"");
        assert_eq!(
            starting_with(&calls[2..4], "trainer train \""),
            2,
            "{calls:?}"
        );
        assert_eq!(
            starting_with(&calls[4..10], "trainer explain 1"),
            3,
            "{calls:?}"
        );
        assert_eq!(
            starting_with(&calls[4..10], "evaluator 0.5"),
            3,
            "{calls:?}"
        );
        let report = &calls[10];
        assert_eq!(report.matches("--run ").count(), 3, "{report}");
        assert_eq!(calls.len(), 11, "{calls:?}");
        assert!(place.path("out/results/report.html").is_file());
        // Again: the data's program looks whether the folder is right, the report is written anew.
        assert_eq!(place.reproduce(RECIPE, n_jobs), (7, None));
        let calls = place.calls();
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert_eq!(calls[1], *report);
    }
}

#[test]
fn a_failure_names_its_step_and_the_next_time_goes_on_there() {
    let cases = [
        (
            "train \"baseline\"",
            "training baseline: ",
            "trainer failed (exit status: 2)",
            1,
        ),
        (
            "train \"l1",
            "training l1 ixg@final λ=0.1: ",
            "trainer failed (exit status: 2)",
            3,
        ),
        // The trainer may notice that nobody reads its maps, and be named too.
        (
            "evaluator",
            "scoring baseline, epoch 1, ixg at final: ",
            "evaluator failed",
            4,
        ),
        (
            "analysis",
            "writing the report: ",
            "analysis failed (exit status: 2)",
            7,
        ),
    ];
    for (call, start, failed, n_done) in cases {
        let place = Place::new();
        std::fs::write(place.path("fail"), call).unwrap();
        let (_, error) = place.reproduce(RECIPE, 1);
        let error = error.unwrap_or_default();
        assert!(
            error.starts_with(start) && error.contains(failed),
            "{call}: {error}"
        );
        std::fs::remove_file(place.path("fail")).unwrap();
        place.calls();
        assert_eq!(place.reproduce(RECIPE, 1), (n_done, None), "{call}");
        let n_trained = starting_with(&place.calls(), "trainer train");
        assert_eq!(
            n_trained,
            3_usize.saturating_sub(n_done.saturating_sub(1)),
            "{call}"
        );
    }
}

#[test]
fn after_a_failure_the_other_jobs_end_and_nothing_new_begins() {
    let place = Place::new();
    std::fs::write(place.path("fail"), "train \"energy").unwrap();
    let (_, error) = place.reproduce(RECIPE, 2);
    assert!(error.unwrap_or_default().starts_with("training energy"));
    assert_eq!(starting_with(&place.calls(), "trainer explain"), 0);
}

#[test]
fn a_changed_recipe_does_what_changed_only() {
    let place = Place::new();
    assert_eq!(place.reproduce(RECIPE, 1), (0, None));
    place.calls();
    // Other options for the scores: all of them again, no training.
    let other = format!("{RECIPE}\n[evaluation]\nthreshold = 0.25\n");
    std::fs::write(place.path("fail"), "evaluator").unwrap();
    assert!(place.reproduce(&other, 1).1.is_some());
    // The first score broke off: what it may have left is not taken for finished, old or new.
    std::fs::remove_file(place.path("fail")).unwrap();
    place.calls();
    assert_eq!(place.reproduce(RECIPE, 1).0, 6);
    place.calls();
    assert_eq!(place.reproduce(&other, 1), (4, None));
    let calls = place.calls();
    assert_eq!(starting_with(&calls, "evaluator 0.25"), 3, "{calls:?}");
    assert_eq!(starting_with(&calls, "trainer train"), 0, "{calls:?}");
    // One more run: it alone is trained and scored, and the report has four.
    let more = other
        .replace("lambda = [0.1]", "lambda = [0.1, 0.2]")
        .replace(", \"l1\"", "");
    assert_eq!(place.reproduce(&more, 1), (5, None));
    let calls = place.calls();
    assert_eq!(starting_with(&calls, "trainer train"), 1, "{calls:?}");
    assert!(
        calls
            .iter()
            .any(|call| call == "trainer train \"energy ixg@final λ=0.2\"")
    );
    assert_eq!(
        calls.last().unwrap().matches("--run ").count(),
        3,
        "l1 is not of this recipe"
    );
}

#[test]
fn steps_side_by_side_need_nothing_of_each_other() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), RECIPE).unwrap();
    let recipe = Recipe::read(Path::new("/"), file.path().to_str().unwrap()).unwrap();
    let plan = Plan::new(&recipe);
    let groups = plan.groups();
    assert_eq!(groups, [0..1, 1..2, 2..4, 4..7, 7..8]);
    assert!(matches!(plan.steps[7].kind, StepKind::Report));
}

#[test]
fn devices_are_spelled_as_the_trainer_reads_them() {
    for good in ["auto", "cpu", "cuda", "cuda:0", "cuda:12"] {
        assert_eq!(device(good).as_deref(), Ok(good));
    }
    for bad in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
        assert!(device(bad).is_err(), "{bad}");
    }
}

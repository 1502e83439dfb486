//! Tests recipes: which runs, names and selections a recipe becomes, how an invalid recipe is refused, and
//! that the recipes of the documentation are valid.

#![allow(clippy::unwrap_used)]

use super::format::Collection;
use super::testing::{read_files, read_text};
use super::*;
use crate::drive::vocabulary::recorded;
use crate::system::paths;

/// A valid recipe; most tests read it with a few words replaced.
const GOOD: &str = r#"
about = "A test."
[data]
dataset = "scenes"
size = 32
limit = { train = 10 }
[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"
[baseline]
epochs = 2
learning_rate = 1e-3
batch_size = 4
[guided]
epochs = 3
learning_rate = 1e-4
batch_size = 4
[[guided.grid]]
layer = ["final", "input"]
loss = ["energy"]
lambda = [0.1]
annotated_fraction = [1.0, 0.07]
[[guided.grid]]
attribution = ["ixg"]
layer = ["final"]
loss = ["energy"]
lambda = [0.1, 0.1]
epochs = 5
"#;

/// The names of the runs.
fn names(runs: &[Run]) -> Vec<&str> {
    runs.iter().map(|run| run.name.as_str()).collect()
}

#[test]
fn a_grid_becomes_its_runs_each_once_and_each_with_its_own_name() {
    let experiment = read_text(GOOD).unwrap();
    assert_eq!(names(&experiment.baselines), ["baseline"]);
    assert_eq!(
        names(&experiment.guided),
        [
            "energy ixg@final λ=0.1 3 epochs",
            "energy ixg@final λ=0.1 7% annotated",
            "energy ixg@input λ=0.1",
            "energy ixg@input λ=0.1 7% annotated",
            "energy ixg@final λ=0.1 5 epochs",
        ]
    );
}

#[test]
fn a_grid_combines_annotations_and_losses_with_their_options() {
    let text = GOOD
        .replacen(
            "[\"energy\"]",
            "[\"l1\", { name = \"energy_area\", exponent = 0.25 }, \
             { name = \"energy_area\", exponent = 0.5 }]",
            1,
        )
        .replacen("[1.0, 0.07]", "[1.0]", 1)
        .replacen(
            "[\"final\", \"input\"]",
            "[\"final\"]\nannotation = [\"box\", \"segmentation\"]",
            1,
        );
    assert_eq!(
        names(&read_text(&text).unwrap().guided),
        [
            "l1 ixg@final λ=0.1",
            "l1 ixg@final λ=0.1 segmentation",
            "energy_area ixg@final λ=0.1 exponent=0.25",
            "energy_area ixg@final λ=0.1 exponent=0.25 segmentation",
            "energy_area ixg@final λ=0.1 exponent=0.5",
            "energy_area ixg@final λ=0.1 exponent=0.5 segmentation",
            "energy ixg@final λ=0.1",
        ]
    );
}

/// Reads a recipe of two networks, each with an attribution and hyperparameters of its own, two seeds, and
/// maps to score with besides the guided ones.
#[test]
fn each_model_has_its_baselines_and_configurations_hold_the_runs_of_all_lambda() {
    let text = GOOD
        .replacen("about", "seed = [3, 4]\nabout", 1)
        .replacen(
            "[baseline]",
            "[[model]]\nbackbone = \"bcos_resnet18\"\ninit = \"scratch\"\nattribution = \"bcos\"\n\
             baseline = { epochs = 9 }\nguided = { learning_rate = 1e-5 }\n[baseline]",
            1,
        )
        .replacen(
            "[1.0, 0.07]",
            "[1.0]\nevaluate = [\"gradcam@mid2\", \"final\"]",
            1,
        )
        .replacen("[0.1]", "[0.1, 0.2]", 1)
        .replacen("attribution = [\"ixg\"]", "backbone = [\"resnet18\"]", 1);
    let experiment = read_text(&text).unwrap();
    assert_eq!(
        names(&experiment.baselines),
        [
            "resnet18 baseline seed 3",
            "resnet18 baseline seed 4",
            "bcos_resnet18 baseline seed 3",
            "bcos_resnet18 baseline seed 4",
        ]
    );
    let epochs = experiment
        .baselines
        .iter()
        .map(|run| run.hyperparameters.epochs);
    assert_eq!(epochs.collect::<Vec<_>>(), [2, 2, 9, 9]);
    // Per seed: ResNet-18 has 2 layers × 2 λ and the run of the second grid, the B-cos network 2 × 2.
    assert_eq!(experiment.guided.len(), 2 * (4 + 1) + 2 * 4);
    for run in &experiment.guided {
        let baseline = &experiment.baselines[run.baseline().unwrap()];
        assert_eq!(
            (&baseline.backbone, baseline.seed),
            (&run.backbone, run.seed)
        );
        let is_bcos = run.backbone == "bcos_resnet18";
        assert_eq!(run.attribution, if is_bcos { "bcos" } else { "ixg" });
        assert_eq!(
            run.hyperparameters.learning_rate,
            if is_bcos { 1e-5 } else { 1e-4 }
        );
    }
    let last = experiment.selections.last().unwrap();
    assert_eq!(last.name, "bcos_resnet18 energy bcos@input seed 4");
    assert_eq!(last.runs.len(), 2);
    let maps = |selection: &Selection| -> Vec<String> {
        let maps = selection.maps.iter();
        maps.map(|maps| format!("{}@{}", maps.attribution, maps.layer))
            .collect()
    };
    assert_eq!(maps(last), ["bcos@input", "gradcam@mid2", "bcos@final"]);
    // A baseline is scored with all maps that any of its guided runs is scored with.
    let baseline = &experiment.selections[0];
    assert_eq!(baseline.runs, [RunIndex::Baseline(0)]);
    assert_eq!(maps(baseline), ["ixg@final", "gradcam@mid2", "ixg@input"]);
}

/// With both tasks one baseline is trained, for the conventional task, and scored for both (SPEC C.4).
/// Guided runs start from the same weights as the baseline, not from the baseline itself (SPEC E.3).
#[test]
fn both_tasks_of_waterbirds_share_one_baseline() {
    let text = GOOD
        .replace("\"scenes\"", "\"waterbirds-100\"")
        .replace(
            "size = 32",
            "size = 32\ntask = [\"conventional\", \"reversed\"]",
        )
        .replace("[guided]", "[guided]\nstart = \"weights\"");
    let experiment = read_text(&text).unwrap();
    assert_eq!(experiment.baselines.len(), 1);
    assert_eq!(experiment.baselines[0].task, "conventional");
    let of_task = |task| {
        experiment
            .guided
            .iter()
            .filter(|run| run.task == task)
            .count()
    };
    assert_eq!((of_task("conventional"), of_task("reversed")), (5, 5));
    assert!(
        experiment
            .guided
            .iter()
            .all(|run| run.origin == Origin::Scratch)
    );
    let tasks: Vec<&str> = experiment.selections[0]
        .maps
        .iter()
        .map(|maps| maps.task.as_str())
        .collect();
    assert_eq!(
        tasks,
        ["conventional", "conventional", "reversed", "reversed"]
    );
    let alone = text.replace("\"conventional\", ", "");
    assert_eq!(read_text(&alone).unwrap().baselines[0].task, "reversed");
}

#[test]
fn a_recipe_that_no_run_can_follow_is_refused_in_one_line() {
    // A text of the recipe, what takes its place, and a part of the error.
    let cases = [
        (
            "size = 32",
            "size = 0",
            "data.size: found 0, expected 1 at least",
        ),
        (
            "size = 32",
            "size = -1",
            "line 5: invalid value: integer `-1`",
        ),
        ("train = 10", "train = 0", "data.limit.train: found 0"),
        ("train = 10", "trian = 10", "line 6: unknown field `trian`"),
        (
            "\"scenes\"",
            "\"voc\"",
            "data.dataset: found \"voc\", expected one of voc2007, coco2014, waterbirds-100, scenes",
        ),
        (
            "\"resnet18\"",
            "\"resnet\"",
            "model 1: backbone: found \"resnet\", expected one of resnet18,",
        ),
        (
            "\"scratch\"",
            "\"weights\"",
            "line 9: unknown variant `weights`, expected `scratch` or `imagenet`",
        ),
        (
            "\"ixg\"\n[base",
            "\"bcos\"\n[base",
            "model 1: attribution: found \"bcos\" for resnet18, expected one of ixg, gradcam",
        ),
        (
            "attribution = [\"ixg\"]",
            "attribution = [\"intgrad\"]",
            "guided.grid 2: attribution: found \"intgrad\" for resnet18, expected one of ixg, gradcam",
        ),
        (
            "attribution = [\"ixg\"]",
            "backbone = [\"resnet50\"]",
            "guided.grid 2: backbone: found \"resnet50\", expected one of resnet18",
        ),
        (
            "[baseline]",
            "[[model]]\nbackbone = \"resnet18\"\ninit = \"scratch\"\nattribution = \"ixg\"\n[baseline]",
            "model 2: backbone: found \"resnet18\" twice, expected it once",
        ),
        (
            "\"ixg\"\n[base",
            "\"ixg\"\nguided = { epochs = 0 }\n[base",
            "model 1: guided.epochs: found 0, expected 1 at least",
        ),
        (
            "about",
            "seed = [1, 1]\nabout",
            "seed: found 1 twice, expected it once",
        ),
        (
            "about",
            "precision = \"f16\"\nabout",
            "precision: found \"f16\", expected one of f32, tf32, bf16",
        ),
        (
            "\"ixg\"\n[base",
            "\"ixg\"\nmicro_batch = 8\n[base",
            "model 1: micro_batch: found 8 for resnet18, whose norms have statistics over a step's images, expected a network without such norms",
        ),
        (
            "about",
            "show = [\"epg\"]\nabout",
            "show: found \"epg\", expected one of panel, epg_f1,",
        ),
        (
            "[baseline]",
            "[evaluation]\nmetrics = [\"auc\", \"roc\"]\n[baseline]",
            "evaluation.metrics: found \"roc\", expected one of pointing_game_quantus,",
        ),
        (
            "[baseline]",
            "[evaluation]\nfaithfulness = 0\n[baseline]",
            "evaluation.faithfulness: found 0, expected 1 at least",
        ),
        (
            "[baseline]",
            "[evaluation]\nstep_times = 1\n[baseline]",
            "evaluation.step_times: found 1, expected 2 to 65535 rounds",
        ),
        (
            "epochs = 5",
            "evaluate = [\"ixg@middle\"]",
            "guided.grid 2: evaluate: found \"middle\", expected one of input,",
        ),
        (
            "epochs = 5",
            "evaluate = [\"bcos@input\"]",
            "guided.grid 2: evaluate: found \"bcos\" for resnet18, expected one of ixg, gradcam, intgrad",
        ),
        (
            "learning_rate = 1e-3\nbatch_size = 4",
            "learning_rate = 1e-3\nbatch_size = 0",
            "baseline.batch_size: found 0",
        ),
        ("epochs = 2", "epochs = 0", "baseline.epochs: found 0"),
        (
            "1e-3",
            "-1e-3",
            "baseline.learning_rate: found -0.001, expected a number above 0",
        ),
        ("epochs = 5", "epochs = 0", "guided.grid 2: epochs: found 0"),
        (
            "[\"energy\"]",
            "[\"energie\"]",
            "guided.grid 1: loss: found \"energie\", expected one of energy, l1,",
        ),
        (
            "\"input\"",
            "\"middle\"",
            "guided.grid 1: layer: found \"middle\"",
        ),
        (
            "size = 32",
            "size = 32\ntask = [\"inverse\"]",
            "data.task: found \"inverse\", expected one of conventional, reversed",
        ),
        (
            "size = 32",
            "size = 32\ntask = [\"reversed\"]",
            "data.task: found reversed for scenes, expected conventional, or waterbirds-100",
        ),
        (
            "size = 32",
            "size = 32\naugmentation = \"flip\"",
            "data.augmentation: found \"flip\", expected one of none, crop_flip",
        ),
        (
            "lambda = [0.1]",
            "lambda = [0.1]\nannotation = [\"point\"]",
            "guided.grid 1: annotation: found \"point\", expected one of box, segmentation",
        ),
        (
            "lambda = [0.1]",
            "lambda = [0.1]\nannotation = [\"segmentation\"]\ndilation = [0.5]",
            "guided.grid 1: dilation: found 0.5, expected 0 with annotation segmentation",
        ),
        (
            "[\"energy\"]",
            "[\"energy_area\"]",
            "guided.grid 1: loss: found no exponent for energy_area, expected { name = \"energy_area\", exponent = … }, above 0, at most 4",
        ),
        (
            "lambda = [0.1]",
            "lambda = [0.1]\narea_exponent = [0.5]",
            "line 23: area_exponent: found a key of its own, expected it as the loss's option: loss =",
        ),
        (
            "[\"energy\"]",
            "[{ name = \"energy\", exponent = 0.5 }]",
            "guided.grid 1: loss: found exponent for energy, expected no option",
        ),
        (
            "[\"energy\"]",
            "[{ name = \"energy_area\", exponent = 5 }]",
            "guided.grid 1: loss: found exponent = 5 for energy_area, expected { name",
        ),
        (
            "[\"energy\"]",
            "[{ name = \"energy_area\", power = 0.5 }]",
            "guided.grid 1: loss: found power for energy_area, expected one of exponent",
        ),
        (
            "[\"energy\"]",
            "[3]",
            "line 21: expected the name of a loss, or a table of its name and its options",
        ),
        (
            "[0.1, 0.1]",
            "[]",
            "guided.grid 2: lambda: found no value, expected at least 1",
        ),
        ("[0.1, 0.1]", "[nan]", "guided.grid 2: lambda: found NaN"),
        (
            "0.07",
            "1.07",
            "guided.grid 1: annotated_fraction: found 1.07, expected above 0, 1 at most",
        ),
        ("about = \"A test.\"", "", "line 1: missing field `about`"),
        ("about = \"A test.\"", "about = \"A test", "line 2: "),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = read_text(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(
            error.contains("x.toml: ") && error.contains(expected),
            "{to}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// With both tasks guided runs cannot start from a baseline, because none is trained for the reversed task.
#[test]
fn two_tasks_have_no_baseline_to_start_from() {
    let text = GOOD.replace("\"scenes\"", "\"waterbirds-100\"").replace(
        "size = 32",
        "size = 32\ntask = [\"conventional\", \"reversed\"]",
    );
    let error = read_text(&text).unwrap_err();
    assert!(
        error.contains("guided.start: found baseline for the tasks conventional, reversed"),
        "{error}"
    );
}

/// The recipes and the collection that docs/recipes.md shows can be read, and the recipes that the collection
/// includes exist.
#[test]
fn the_files_in_the_documentation_can_be_read() {
    let text = std::fs::read_to_string(paths::root().join("docs/recipes.md")).unwrap();
    let files: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(files.len(), 3);
    let experiment = read_text(files[0]).unwrap();
    // 2 attributions × 2 layers × 2 fractions × 2 dilations: 3 λ on one seed, and the one found on the other.
    assert_eq!(experiment.guided.len(), 2 * 2 * 2 * 2 * (3 + 1));
    assert_eq!(experiment.slurm.extra, ["--account=vision"]);
    let extending = read_text(files[1]).unwrap();
    assert_eq!(
        extending.fit.map(|fit| (fit.minutes, fit.guided_steps)),
        Some((240, 100))
    );
    assert_eq!(
        (extending.baselines.len(), &*extending.about),
        (2, "Blood cells, longer.")
    );
    let recipes = paths::root().join("recipes");
    let collection: Collection = toml::from_str(files[2]).unwrap();
    assert_eq!(collection.fault(), None);
    for recipe in &collection.include {
        assert!(recipes.join(format!("{recipe}.toml")).is_file());
    }
}

#[test]
fn a_collection_sets_its_sizes_in_each_recipe() {
    let experiment = super::read(&paths::root(), "smoke", Some(&recorded())).unwrap();
    let folders: Vec<(&str, u32, Option<u32>)> = experiment
        .data
        .iter()
        .map(|data| (data.name(), data.size, data.limit.train))
        .collect();
    assert_eq!(
        folders,
        [
            ("voc2007", 64, Some(100)),
            ("coco2014", 64, Some(100)),
            ("waterbirds-100", 64, Some(100)),
        ]
    );
    assert!(experiment.weights().is_empty());
    let mut runs = experiment.baselines.iter().chain(&experiment.guided);
    assert!(
        runs.all(|run| (run.hyperparameters.epochs, run.hyperparameters.batch_size) == (1, 20))
    );
}

#[test]
fn a_collection_with_a_fault_is_refused_in_one_line() {
    let larger = GOOD.replace("= 32", "= 64");
    let warm = GOOD.replace("[guided]", "[guided]\nwarmup_epochs = 2");
    // Both recipes have the same runs once the collection gives them the same size.
    let good = "about = \"Both.\"\ninclude = [\"x\", \"y\"]\n[with]\nsize = 16\n";
    let read_all = |text: &str| {
        read_files(&[
            ("all.toml", text),
            ("x.toml", GOOD),
            ("y.toml", &larger),
            ("warm.toml", &warm),
        ])
    };
    assert_eq!(read_all(good).unwrap().guided.len(), 5);
    for (from, to, expected) in [
        ("\"y\"", "\"z\"", "include: found no file "),
        (
            "\"y\"",
            "\"x\"",
            "include: found \"x\" twice, expected it once",
        ),
        (
            "size = 16",
            "size = 0",
            "with.size: found 0, expected 1 at least",
        ),
        ("size = 16", "seed = 16", "line 4: unknown field `seed`"),
        (
            "\"y\"]\n[with]\n",
            "\"warm\"]\n[with]\nepochs = 1\n",
            "include \"warm\": guided.warmup_epochs: found 2, expected fewer than the 1 epochs",
        ),
        (
            "size = 16",
            "epochs = 1",
            "include: found scenes in two sizes, expected one",
        ),
    ] {
        let error = read_all(&good.replacen(from, to, 1)).unwrap_err();
        assert!(
            error.contains("all.toml: ") && error.contains(expected),
            "{to}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

//! What a recipe becomes, and how one that no run can follow is refused.

#![allow(clippy::unwrap_used)]

use super::*;

const GOOD: &str = r#"
about = "A test."
[data]
dataset = "scenes"
size = 32
limit = { train = 10 }
[model]
backbone = "resnet18"
init = "scratch"
batch_size = 4
[baseline]
epochs = 2
learning_rate = 1e-3
[guided]
epochs = 3
learning_rate = 1e-4
[[guided.grid]]
attribution = ["ixg"]
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

fn read(text: &str) -> Result<Recipe> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.toml");
    std::fs::write(&file, text).unwrap();
    Recipe::read(dir.path(), file.to_str().unwrap())
}

#[test]
fn a_grid_becomes_its_runs_each_once_and_each_with_its_own_name() {
    let recipe = read(GOOD).unwrap();
    let names: Vec<String> = recipe
        .guided_runs()
        .into_iter()
        .map(|run| run.name)
        .collect();
    assert_eq!(
        names,
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
fn a_grid_combines_annotations_and_the_exponents_of_the_one_loss_that_has_them() {
    let text = GOOD
        .replacen("[\"energy\"]", "[\"l1\", \"energy_area\"]", 1)
        .replacen("[1.0, 0.07]", "[1.0]\narea_exponent = [0.25, 0.5]", 1)
        .replacen(
            "[\"final\", \"input\"]",
            "[\"final\"]\nannotation = [\"box\", \"segmentation\"]",
            1,
        );
    let names: Vec<String> = read(&text)
        .unwrap()
        .guided_runs()
        .into_iter()
        .map(|run| run.name)
        .collect();
    assert_eq!(
        names,
        [
            "l1 ixg@final λ=0.1",
            "l1 ixg@final λ=0.1 segmentation",
            "energy_area ixg@final λ=0.1 α=0.25",
            "energy_area ixg@final λ=0.1 α=0.25 segmentation",
            "energy_area ixg@final λ=0.1 α=0.5",
            "energy_area ixg@final λ=0.1 α=0.5 segmentation",
            "energy ixg@final λ=0.1",
        ]
    );
}

#[test]
fn a_recipe_that_no_run_can_follow_is_refused_in_one_line() {
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
            "line 4: unknown variant `voc`, expected one of `scenes`",
        ),
        (
            "\"resnet18\"",
            "\"resnet\"",
            "model.backbone: found \"resnet\", expected one of resnet18,",
        ),
        (
            "\"scratch\"",
            "\"imagenet\"",
            "model.init: found imagenet for resnet18, expected scratch",
        ),
        (
            "batch_size = 4",
            "batch_size = 0",
            "model.batch_size: found 0",
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
            "batch_size = 4",
            "batch_size = 4\ntask = \"inverse\"",
            "model.task: found \"inverse\", expected one of conventional, reversed",
        ),
        (
            "batch_size = 4",
            "batch_size = 4\ntask = \"reversed\"",
            "model.task: found reversed for scenes, expected conventional, or waterbirds-100",
        ),
        (
            "batch_size = 4",
            "batch_size = 4\naugmentation = \"flip\"",
            "model.augmentation: found \"flip\", expected one of none, crop_flip",
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
            "guided.grid 1: area_exponent: found [] for loss energy_area, expected numbers",
        ),
        (
            "lambda = [0.1]",
            "lambda = [0.1]\narea_exponent = [0.5]",
            "guided.grid 1: area_exponent: found [0.5] for loss energy, expected numbers",
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
        let error = format!("{:#}", read(&GOOD.replacen(from, to, 1)).unwrap_err());
        assert!(
            error.contains("x.toml: ") && error.contains(expected),
            "{to}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_recipes_of_the_repository_can_be_read() {
    let root = paths::root();
    for name in available(&root).unwrap() {
        Recipe::read(&root, &name).unwrap();
    }
}

/// One spelling everywhere: the lists here are those of the trainer's enumerations.
#[test]
fn spellings_are_the_trainers() {
    let source = paths::root().join("trainer/src/names.rs");
    let source = std::fs::read_to_string(source).unwrap();
    for (name, known) in [
        ("Backbone", &BACKBONES[..]),
        ("Attribution", &ATTRIBUTIONS),
        ("Layer", &LAYERS),
        ("LocalizationLoss", &LOSSES),
        ("Annotation", &ANNOTATIONS),
        ("Augmentation", &AUGMENTATIONS),
    ] {
        let start = source.find(&format!("\n    {name} {{")).unwrap();
        let end = start + source[start..].find("\n    }").unwrap();
        let spellings: Vec<&str> = source[start..end]
            .lines()
            .filter_map(|line| line.split_once(" = \"")?.1.split('"').next())
            .collect();
        assert_eq!(spellings, known, "{name}");
    }
    let task = paths::root().join("data-prep/src/dataset/task.rs");
    let task = std::fs::read_to_string(task).unwrap();
    let spellings: Vec<&str> = task
        .lines()
        .filter_map(|line| line.split_once(" => \"")?.1.strip_suffix("\","))
        .collect();
    assert_eq!(spellings, TASKS);
}

//! Tests recipes for own data: which keys they may have, what data-prep is asked for, and the runs of a recipe
//! that finds λ on one seed.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use super::*;
use crate::drive::plan::{Plan, StepKind};
use crate::drive::vocabulary::recorded;

/// A recipe for own data, in which most tests replace the table `[data]`.
const OWN: &str = r#"
about = "A test."
seed = [3, 1, 2]
tune_on = 1
[data]
root = "cells"
size = 64
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
layer = ["final"]
loss = ["energy", "l1"]
lambda = [0.1, 0.2]
"#;

/// Expands a recipe with this text, its names checked against the recorded vocabulary.
fn expand(text: &str) -> anyhow::Result<Experiment> {
    let path = PathBuf::from("x.toml");
    let text = text.to_owned();
    super::expand(vec![File::new(path, text)], Some(&recorded()))
}

#[test]
fn other_seeds_take_the_lambda_that_one_seed_finds() {
    let experiment = expand(OWN).unwrap();
    // The seed that λ is found on comes first; the other seeds keep the recipe's order.
    let names: Vec<&str> = experiment.guided.iter().map(|run| &*run.name).collect();
    assert_eq!(
        names,
        [
            "energy ixg@final λ=0.1 seed 1",
            "energy ixg@final λ=0.2 seed 1",
            "l1 ixg@final λ=0.1 seed 1",
            "l1 ixg@final λ=0.2 seed 1",
            "energy ixg@final λ as found seed 3",
            "l1 ixg@final λ as found seed 3",
            "energy ixg@final λ as found seed 2",
            "l1 ixg@final λ as found seed 2",
        ]
    );
    // A run whose λ is found waits for its baseline, and for the runs of the same loss that find it.
    let plan = Plan::new(&experiment);
    let step = |index| {
        let kind = StepKind::Train(RunIndex::Guided(index));
        plan.steps.iter().find(|step| step.kind == kind).unwrap()
    };
    let after = |index: usize| -> Vec<&str> {
        let after = step(index).after.iter();
        after.map(|&step| plan.steps[step].name.as_str()).collect()
    };
    assert_eq!(after(0), ["own", "baseline seed 1"]);
    assert_eq!(
        after(7),
        [
            "own",
            "baseline seed 2",
            "l1 ixg@final λ=0.1 seed 1",
            "l1 ixg@final λ=0.2 seed 1"
        ]
    );
}

#[test]
fn keys_of_own_data_become_options_of_data_prep() {
    let keys = "name = \"cells\"\nformat = \"coco\"\nsplit = \"80,10,10\"\nsplit_by = \"^(p\\\\d+)\"\n\
                stratify = true\ngroups = \"g.csv\"\nexif = \"apply\"\non_error = \"skip\"\n\
                images = { train = 80, val = 10, test = 10 }\nroot";
    let experiment = expand(&OWN.replace("root", keys)).unwrap();
    let data = &experiment.data[0];
    assert_eq!(
        data.read_arguments().join(" "),
        "--name cells --format coco --split 80,10,10 --split-by ^(p\\d+) --groups g.csv --exif apply \
         --on-error skip --stratify"
    );
    assert_eq!((data.name(), data.n_images()), ("cells", [80, 10, 10]));
    assert!(!data.is_prepared() && data.published().is_none());
}

#[test]
fn a_recipe_that_mixes_own_and_published_data_is_refused() {
    for (from, to, expected) in [
        (
            "root = \"cells\"",
            "dataset = \"voc2007\"\nroot = \"cells\"",
            "x.toml: data.root: found it beside dataset = \"voc2007\", expected it for own data alone, \
             which has no dataset",
        ),
        (
            "[data]\nroot = \"cells\"",
            "[fit]\nminutes = 1\nbaseline_steps = 1\nguided_steps = 1\n[data]\ndataset = \"voc2007\"",
            "x.toml: fit: found it beside dataset = \"voc2007\", expected it for own data alone, which \
             has no dataset",
        ),
        (
            "root = \"cells\"",
            "format = \"csv\"",
            "x.toml: data.format: found \"csv\", expected one of voc, coco, yolo, table, waterbirds, scenes, prepared",
        ),
        (
            "tune_on = 1",
            "tune_on = 7",
            "x.toml: tune_on: found 7, expected one of the seeds 3, 1, 2",
        ),
        (
            "epochs = 3",
            "start = \"weights\"\nepochs = 3",
            "x.toml: tune_on: found guided.start = \"weights\", expected baseline",
        ),
    ] {
        let error = expand(&OWN.replace(from, to)).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

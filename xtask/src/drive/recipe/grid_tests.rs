//! Tests grids over hyperparameters: which runs and selections they become, and their names.

#![allow(clippy::unwrap_used)]

use super::testing::read_text;
use super::*;

const RECIPE: &str = r#"
about = "A test."
[data]
dataset = "scenes"
size = 32
[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"
guided = { learning_rate = 3e-4 }
[baseline]
epochs = 2
learning_rate = 1e-3
batch_size = 4
[guided]
epochs = 3
learning_rate = 1e-4
batch_size = 4
optimizer = "adamw"
early_stopping = { metric = "epg", patience = 2 }
[[guided.grid]]
layer = ["final"]
loss = ["energy"]
lambda = [0.1, 0.2]
learning_rate = [1e-4, 1e-3]
weight_decay = [0.0, 0.05]
[[guided.grid]]
layer = ["final"]
loss = ["energy"]
lambda = [0.1]
batch_size = [4, 8]
"#;

/// Every combination of hyperparameters is a selection (a group of runs that differ in λ alone) with a name of its
/// own. One baseline serves all. A grid's values replace the model's.
#[test]
fn a_grid_combines_hyperparameters_with_everything_else() {
    let experiment = read_text(RECIPE).unwrap();
    let names = experiment.selections.iter().map(|s| s.name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "baseline",
            "energy ixg@final rate 0.0001 decay 0",
            "energy ixg@final rate 0.0001 decay 0.05",
            "energy ixg@final rate 0.001 decay 0",
            "energy ixg@final rate 0.001 decay 0.05",
            "energy ixg@final λ=0.1 rate 0.0003 batches of 4",
            "energy ixg@final λ=0.1 rate 0.0003 batches of 8",
        ]
    );
    let n_runs = experiment.selections.iter().map(|s| s.runs.len());
    assert_eq!(n_runs.collect::<Vec<_>>(), [1, 2, 2, 2, 2, 1, 1]);
    let last = &experiment.guided[9].hyperparameters;
    assert_eq!((last.learning_rate, last.batch_size), (3e-4, 8));
    let adamw = Some("adamw".to_owned());
    let mut guided = experiment.guided.iter();
    assert!(guided.all(|run| run.hyperparameters.optimizer == adamw));
    assert_eq!(experiment.baselines.len(), 1);
    assert_eq!(experiment.baselines[0].hyperparameters.optimizer, None);
}

/// With a seed to tune on, each of the other seeds' runs takes the λ found with its own hyperparameters.
#[test]
fn each_combination_finds_its_own_weight() {
    let experiment = read_text(&format!("seed = [3, 4]\ntune_on = 3{RECIPE}")).unwrap();
    let others = experiment.guided.iter().filter(|run| run.seed == 4);
    let others: Vec<&Run> = others.collect();
    assert_eq!(others.len(), 4 + 2);
    for run in others {
        let tuning = &experiment.selections[run.tuned_in.unwrap()];
        let tuning = tuning.runs.iter().map(|&run| experiment.run(run));
        let tuning: Vec<&Run> = tuning.collect();
        assert!(tuning.iter().all(|tuned| tuned.seed == 3));
        assert!(
            tuning
                .iter()
                .all(|tuned| tuned.hyperparameters == run.hyperparameters)
        );
    }
}

//! Runs `cargo xtask reproduce` with the real programs: a recipe with two networks and two λ (weights of the
//! localization loss) on a few synthetic scenes, from drawing these to the report. Given again, the command must find
//! everything done.

use std::path::Path;
use std::process::Command;

use tests::programs::{Done, program, run};
use tests::tables::{read, schemas};

use crate::made::folder;

/// Trains two baselines (unguided runs) and five guided runs: with the loss Energy at the layer mid2 and two λ for each
/// network, and with L1 at the input for the ResNet.
const RECIPE: &str = r#"
about = "Five guided runs."
[data]
dataset = "scenes"
size = 32
limit = { train = 24, val = 8, test = 12 }
[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"
[[model]]
backbone = "bcos_resnet18"
init = "scratch"
attribution = "bcos"
[baseline]
epochs = 2
learning_rate = 1e-3
batch_size = 8
[guided]
epochs = 1
learning_rate = 1e-3
batch_size = 8
[[guided.grid]]
layer = ["mid2"]
loss = ["energy"]
lambda = [0.01, 0.1]
evaluate = ["input"]
[[guided.grid]]
backbone = ["resnet18"]
layer = ["input"]
loss = ["l1"]
lambda = [0.1]
[evaluation]
replicates = 100
examples = 2
step_times = 2
"#;

/// Returns the command `cargo xtask <arguments>`, as the built program.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = program("xtask");
    command.args(arguments);
    command
}

/// Writes the recipe into `root` and runs `reproduce` on it, with two processes at a time.
fn reproduce(root: &Path, recipe: &str) -> Done {
    let file = root.join("recipe.toml");
    fs_err::write(&file, recipe).unwrap();
    let mut command = xtask(&["reproduce", "--device", "cpu", "--jobs", "2"]);
    let programs = Path::new(command.get_program())
        .parent()
        .unwrap()
        .to_owned();
    command.arg("--programs").arg(programs);
    command.arg("--recipe").arg(file);
    command.arg("--out").arg(root.join("out"));
    run(&mut command)
}

/// Returns the names of the evaluation folders of all runs.
fn evaluations(out: &Path) -> Vec<String> {
    let entries = |folder: &Path| -> Vec<_> {
        let entries = fs_err::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let runs = entries(&out.join("runs")).into_iter();
    let folders = runs.flat_map(|run| entries(&run.join("evaluations")));
    let names = folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    names.collect()
}

#[test]
fn a_recipe_goes_from_scenes_to_a_report_and_is_found_done() {
    let root = folder("reproduced");
    let out = root.join("out");
    let done = reproduce(&root, RECIPE);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(out.join("results/report.html").is_file());
    // Every chosen checkpoint is scored on validation and on test images. Checkpoints of runs guided at mid2 are scored
    // with maps at mid2 and, because the recipe has `evaluate`, at the input. Folders are called SPLIT-METHOD-LAYER-….
    let names = evaluations(&out);
    let count = |start: &str| names.iter().filter(|name| name.starts_with(start)).count();
    for maps in ["ixg-input", "ixg-mid2", "bcos-input", "bcos-mid2"] {
        let (val, test) = (format!("val-{maps}-"), format!("test-{maps}-"));
        assert!(count(&test) >= 2, "{maps}: {names:?}");
        assert_eq!(count(&val), count(&test), "{maps}: {names:?}");
    }
    assert_eq!(
        count("test-bcos-input"),
        count("test-bcos-mid2"),
        "{names:?}"
    );

    // The ResNet is guided at two layers, of which steps are timed: two rounds of two runs.
    let times = read(&out.join("times/1.parquet")).unwrap();
    times
        .check("step_times", &schemas().unwrap()["step_times"])
        .unwrap();
    assert_eq!(times.rows.num_rows(), 4);

    // 15 steps: the data, 7 runs, 5 choices of checkpoints with their scores (two baselines, Energy for two networks,
    // L1), the times, and the report.
    let status = run(xtask(&["status", "--out"]).arg(&out));
    assert!(
        status.stdout.contains("recipe: 15 of 15 steps done"),
        "{}",
        status.stdout
    );
    let again = reproduce(&root, RECIPE);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(
        again
            .stdout
            .contains("14 of 15 steps done, nothing left but the report"),
        "{}",
        again.stdout
    );
    assert_eq!(evaluations(&out).len(), names.len());
}

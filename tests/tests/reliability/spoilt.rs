//! Non-finite weights (NaN or ±∞), and finite weights with which a network's activations overflow. A file with
//! non-finite weights must be refused when it is read. Training that produces such weights must stop before it saves
//! them. No attribution map of such a network may be written.
//!
//! `whole()` is a run that was never interrupted. `lay` puts its files after an epoch into another folder; `go_on`
//! resumes there and asserts that the run ends with the same files as `whole()` (`made.rs`).

use std::path::{Path, PathBuf};

use tests::programs::{Done, program, run};
use tests::runs::train;

use crate::made::{EPOCHS, Whole, checkpoint_name, configure, folder, whole};
use crate::safetensors::File;

/// Returns the error line of a program that failed with code 2.
fn error(done: &Done) -> &str {
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let mut lines = done.stderr.lines();
    lines.rfind(|line| line.starts_with("error: ")).unwrap()
}

/// Whether one of the files `names` is in `folder`.
fn is_left(folder: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| folder.join(name).exists())
}

/// A huge learning rate makes the weights useless in one step. An epoch has one step, so no later step can notice it;
/// the check after the step or the validation must. The error must name epoch 1, and nothing may be saved.
#[test]
fn a_step_that_spoils_the_weights_ends_the_run_for_every_kind_of_network() {
    let root = folder("kinds");
    for (backbone, attribution) in [
        ("resnet18", "ixg"),
        ("xdnn_resnet18", "ixg"),
        ("bcos_resnet18", "bcos"),
        ("efficientnet_lite0", "gradcam"),
    ] {
        let config = root.join("run.toml");
        let rest = "\n[init]\nfrom = \"scratch\"\n";
        configure(&config, 2, "layer = \"final\"", rest);
        let text = fs_err::read_to_string(&config).unwrap();
        let text = text
            .replace("efficientnet_lite0", backbone)
            .replace("\"ixg\"", &format!("\"{attribution}\""))
            .replace("5e-3", "1e30")
            .replace("batch_size = 4", "batch_size = 24");
        fs_err::write(&config, text).unwrap();
        let runs = root.join(backbone);
        let done = run(&mut train(&config, &whole().data, &runs));
        assert!(
            error(&done).starts_with("error: epoch 1, "),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains("finite"), "{}", done.stderr);
        let folder = fs_err::read_dir(&runs).unwrap().next().unwrap().unwrap();
        let files = [
            "resume.safetensors",
            "epochs.parquet",
            "checkpoints",
            "run.parquet",
        ];
        assert!(
            !is_left(&folder.path(), &files),
            "{backbone}: {}",
            done.stderr
        );
    }
}

/// The weight of EfficientNet-Lite0's first convolution, of shape \[32, 3, 3, 3\] (output channels, input channels,
/// height, width). Its element 5 has the index \[0, 0, 1, 2\].
const STEM: &str = "_conv_stem.weight";

/// Sets element `at` of a float32 tensor.
fn set(file: &mut File, name: &str, at: usize, value: f32) {
    file.tensor(name)[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Puts a copy of the finished run into `root`, with one of its checkpoints changed by `change` and given a matching
/// hash. Returns the run's folder and the checkpoint's path.
fn baseline(whole: &Whole, root: &Path, change: impl FnOnce(&mut File)) -> (PathBuf, PathBuf) {
    let epoch = whole.kept(EPOCHS).into_iter().next().unwrap();
    let run = root.join("baseline");
    fs_err::create_dir_all(run.join("checkpoints")).unwrap();
    for table in ["run.parquet", "epochs.parquet"] {
        fs_err::copy(whole.folder.join(table), run.join(table)).unwrap();
    }
    let mut file = File::read(&whole.folder.join(checkpoint_name(epoch)));
    change(&mut file);
    let checkpoint = run.join(checkpoint_name(epoch));
    file.write(&checkpoint);
    (run, checkpoint)
}

/// The files that [`explained`] asks for.
const FILES: [&str; 4] = [
    "maps.arrow",
    "logits.parquet",
    "game.parquet",
    "faithfulness.parquet",
];

/// Runs `trainer explain` and `trainer faithfulness` on `subject` (`--run <folder>` or `--weights <file>`) and, for a
/// run, also `trainer grid-pointing-game`, which scores maps on grids of images. Asserts that they wrote no file, and
/// returns how they ended.
fn explained(whole: &Whole, root: &Path, checkpoint: &Path, subject: &[&str]) -> Vec<Done> {
    let epoch = checkpoint.file_stem().unwrap().to_str().unwrap();
    let epoch = epoch["epoch-".len()..].trim_start_matches('0').to_owned();
    let [maps, logits, game, measured] = FILES.map(|n| root.join(n));
    let mut explain = program("trainer");
    explain
        .arg("explain")
        .args(subject)
        .arg("--data")
        .arg(&whole.data);
    explain
        .arg("--maps")
        .arg(&maps)
        .arg("--predictions")
        .arg(&logits);
    let mut play = program("trainer");
    play.arg("grid-pointing-game")
        .args(subject)
        .arg("--data")
        .arg(&whole.data);
    play.arg("--out").arg(&game).args(["--confidence", "0"]);
    let mut measure = program("trainer");
    measure
        .arg("faithfulness")
        .args(subject)
        .arg("--data")
        .arg(&whole.data);
    measure.arg("--out").arg(&measured);
    let mut all = vec![explain, measure];
    if subject[0] == "--run" {
        all.push(play);
        for command in &mut all {
            command.args(["--checkpoint", &epoch]);
        }
    }
    let done = all
        .iter_mut()
        .map(|command| run(command.args(["--device", "cpu"])));
    let done = done.collect();
    assert!(!is_left(root, &FILES));
    done
}

/// Non-finite weights are refused by `explain`, by `import` and as a run's initial weights. In the state that a run
/// resumes from (`resume.safetensors`) they are reported, and the previous state is used.
#[test]
fn weights_that_are_not_finite_are_refused_where_they_are_read() {
    let whole = whole();
    let root = folder("read");
    let (run_folder, checkpoint) = baseline(whole, &root, |file| set(file, STEM, 5, f32::NAN));
    let fault = |file: &Path, found: &str| {
        let (file, index) = (file.display(), "[0, 0, 1, 2]");
        format!("error: {file}: {STEM}{index}: found {found}, expected a finite number")
    };
    let paths = [&run_folder, &checkpoint].map(|path| path.to_str().unwrap());
    for subject in [["--run", paths[0]], ["--weights", paths[1]]] {
        for done in explained(whole, &root, &checkpoint, &subject) {
            assert_eq!(error(&done), fault(&checkpoint, "NaN"));
        }
    }
    let mut import = program("trainer");
    import
        .arg("import")
        .arg(&checkpoint)
        .args(["--backbone", "efficientnet_lite0"]);
    import.arg("--out").arg(root.join("out.safetensors"));
    assert_eq!(error(&run(&mut import)), fault(&checkpoint, "NaN"));
    assert!(!is_left(&root, &["out.safetensors"]));

    let epoch = whole.kept(EPOCHS).into_iter().next().unwrap();
    for init in [
        format!("from = \"run\"\nfolder = {run_folder:?}\ncheckpoint = {epoch}"),
        format!("from = \"weights\"\nfile = {checkpoint:?}"),
    ] {
        let config = root.join("run.toml");
        configure(
            &config,
            1,
            "layer = \"final\"",
            &format!("\n[init]\n{init}\n"),
        );
        let runs = root.join("runs");
        let done = run(&mut train(&config, &whole.data, &runs));
        assert_eq!(error(&done), fault(&checkpoint, "NaN"));
        assert!(!runs.exists());
    }

    for (name, index) in [(STEM, "[0, 0, 1, 2]"), ("adam.second", "[5]")] {
        let runs = root.join("states");
        let newest = whole
            .lay(&runs, &whole.files_after(2))
            .join("resume.safetensors");
        let mut state = File::read(&newest);
        set(&mut state, name, 5, f32::NEG_INFINITY);
        state.write(&newest);
        let said = whole.go_on(&runs, name);
        let warning = format!("warning: {}: {name}{index}: found -inf, ", newest.display());
        assert!(said.contains(&warning), "{said}");
    }
}

/// Every weight is finite, but the logits overflow. `explain` must refuse and write no map.
#[test]
fn an_overflow_is_not_explained() {
    let whole = whole();
    let root = folder("overflow");
    let (run_folder, checkpoint) = baseline(whole, &root, |file| {
        for value in file.tensor("_fc.weight").chunks_exact_mut(4) {
            value.copy_from_slice(&3e38f32.to_le_bytes());
        }
    });
    let paths = [&run_folder, &checkpoint].map(|path| path.to_str().unwrap());
    for subject in [["--run", paths[0]], ["--weights", paths[1]]] {
        for done in explained(whole, &root, &checkpoint, &subject) {
            let begin = format!("error: {}: image ", checkpoint.display());
            let said = error(&done);
            assert!(
                said.starts_with(&begin)
                    && said.contains(", class ")
                    && said.contains(", logit: found "),
                "{said}"
            );
            assert!(said.ends_with("expected finite numbers"), "{said}");
        }
    }
}

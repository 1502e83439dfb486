//! Non-finite weights, and weights with which a network's activations overflow: they are refused where
//! they are read, found before anything is saved, and never explained.

use std::path::{Path, PathBuf};

use tests::programs::{Done, program, run};
use tests::runs::train;

use crate::made::{EPOCHS, Whole, checkpoint_name, configure, folder, whole};
use crate::safetensors::File;

/// The last line that says what is wrong.
fn error(done: &Done) -> &str {
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let mut lines = done.stderr.lines();
    lines.rfind(|line| line.starts_with("error: ")).unwrap()
}

fn is_left(folder: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| folder.join(name).exists())
}

/// One step an epoch, so that only what comes after it can notice.
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

const STEM: &str = "_conv_stem.weight";

fn set(file: &mut File, name: &str, at: usize, value: f32) {
    file.tensor(name)[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
}

/// A finished run in `root` whose checkpoint is changed; its folder and the checkpoint.
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

/// `trainer explain` and `grid-pointing-game` of the run's checkpoint, and what they would have written.
fn explained(whole: &Whole, root: &Path, checkpoint: &Path, subject: &[&str]) -> Vec<Done> {
    let epoch = checkpoint.file_stem().unwrap().to_str().unwrap();
    let epoch = epoch["epoch-".len()..].trim_start_matches('0').to_owned();
    let [maps, logits, game] =
        ["maps.arrow", "logits.parquet", "game.parquet"].map(|n| root.join(n));
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
    let mut all = vec![explain];
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
    assert!(!is_left(
        root,
        &["maps.arrow", "logits.parquet", "game.parquet"]
    ));
    done
}

/// By `explain`, by `import`, as the beginning of a run, and as the state to go on from, which the one
/// before it takes the place of.
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

/// Every weight is a number; what the network makes of an image is none.
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
                said.starts_with(&begin) && said.contains(", class ") && said.contains(" logit"),
                "{said}"
            );
            assert!(said.ends_with("expected finite numbers"), "{said}");
        }
    }
}

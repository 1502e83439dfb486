//! Runs the pipeline once for all tests of this binary ([`made`]): it makes data, trains a baseline (an unguided run)
//! and two guided runs, scores them, and writes the report. The results stay in the target folder, where they can be
//! looked at. A run is one training; an evaluation is the scores of its attribution maps at one layer.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use tests::programs::{Done, program, run, succeed};
use tests::runs::train;

/// The numbers of training, validation, test and shifted test images.
pub const IMAGES: [usize; 4] = [24, 8, 8, 4];
/// Height and width of the data folder's images, in pixels.
pub const SIZE: usize = 32;
/// Bootstrap resamples of each evaluation.
pub const REPLICATES: usize = 100;
/// The number of epochs of the baseline; a guided run has one.
pub const EPOCHS: usize = 3;

/// A finished run.
pub struct Run {
    /// `baseline`, `energy` or `l1`.
    pub name: &'static str,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its folder.
    pub folder: PathBuf,
    /// Folders of its evaluations, one for each layer at which it was explained and scored.
    pub evaluations: Vec<PathBuf>,
}

/// The pipeline's files.
pub struct Made {
    /// The folder that contains all others.
    pub root: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// The baseline, then the guided runs.
    pub runs: Vec<Run>,
    /// The report's folder.
    pub results: PathBuf,
    /// The output of `analysis report`.
    pub report: Done,
}

/// Returns the pipeline's files, which are made on the first call.
pub fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(make)
}

/// Returns an empty folder for one test.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("whole-pipeline")
        .join(name);
    if folder.exists() {
        fs_err::remove_dir_all(&folder).unwrap();
    }
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

/// Draws a data folder of synthetic scenes; `images` as in [`IMAGES`].
pub fn draw(out: &Path, images: [usize; 4], seed: u32) -> Done {
    let mut command = program("data-prep");
    command.arg("scenes").arg("--out").arg(out);
    for (flag, count) in ["--train", "--val", "--test", "--shifted"]
        .iter()
        .zip(images)
    {
        command.args([flag, count.to_string().as_str()]);
    }
    command.args(["--size", &SIZE.to_string(), "--seed", &seed.to_string()]);
    succeed(&mut command)
}

/// Returns the text of a run's configuration file. `init` is the content of the table `[init]`, `guidance` the whole
/// table `[guidance]`, or empty for an unguided run.
pub fn config(name: &str, layer: &str, epochs: usize, init: &str, guidance: &str) -> String {
    format!(
        "name = \"{name}\"\nbackbone = \"resnet18\"\nattribution = \"ixg\"\nlayer = \"{layer}\"\n\
         epochs = {epochs}\nlearning_rate = 2e-3\nbatch_size = 8\n\n[init]\n{init}\n{guidance}"
    )
}

/// Runs the pipeline. The baseline is scored at the layers `final` and `input`, each guided run at the layer of its
/// guidance.
fn make() -> Made {
    let root = folder("made");
    let data = root.join("data/scenes");
    draw(&data, IMAGES, 0);
    let mut runs = vec![begin(
        &root,
        "baseline",
        config("baseline", "final", EPOCHS, "from = \"scratch\"", ""),
    )];
    let init = format!("from = \"run\"\nfolder = {:?}", runs[0].folder);
    for (name, layer, loss, lambda) in [
        ("energy", "final", "energy", 0.05),
        ("l1", "input", "l1", 0.01),
    ] {
        let guidance = format!("\n[guidance]\nloss = \"{loss}\"\nlambda = {lambda}\n");
        runs.push(begin(&root, name, config(name, layer, 1, &init, &guidance)));
    }
    for (run, layers) in runs
        .iter_mut()
        .zip([&["final", "input"][..], &["final"], &["input"]])
    {
        run.evaluations = layers
            .iter()
            .map(|layer| evaluate(run, &data, layer))
            .collect();
    }
    let results = root.join("results");
    let mut command = program("analysis");
    command
        .arg("report")
        .arg("--results")
        .arg(&root)
        .arg("--out")
        .arg(&results);
    let report = succeed(&mut command);
    Made {
        root,
        data,
        runs,
        results,
        report,
    }
}

/// Trains a run from the configuration `text`.
fn begin(root: &Path, name: &'static str, text: String) -> Run {
    let config = root.join(format!("{name}.toml"));
    fs_err::write(&config, text).unwrap();
    let done = succeed(&mut train(
        &config,
        &root.join("data/scenes"),
        &root.join("runs"),
    ));
    // Scripts read the path of the run's folder from stdout, so nothing else may be printed there.
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{name}: {}", done.stdout);
    let folder = PathBuf::from(lines[0]);
    assert!(folder.is_dir(), "{name}: {}", done.stdout);
    Run {
        name,
        config,
        folder,
        evaluations: Vec::new(),
    }
}

/// Scores a run at `layer` by `trainer explain | evaluator score`; returns the evaluation's folder.
fn evaluate(trained: &Run, data: &Path, layer: &str) -> PathBuf {
    let out = trained
        .folder
        .join("evaluations")
        .join(format!("test-ixg-{layer}"));
    fs_err::create_dir_all(&out).unwrap();
    let predictions = out.join("predictions.parquet");
    let mut explain = program("trainer");
    explain
        .arg("explain")
        .arg("--run")
        .arg(&trained.folder)
        .arg("--data")
        .arg(data);
    explain
        .args([
            "--layer",
            layer,
            "--device",
            "cpu",
            "--maps",
            "-",
            "--predictions",
        ])
        .arg(&predictions);
    let mut explaining = explain
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut score = program("evaluator");
    score.args([
        "score",
        "--maps",
        "-",
        "--replicates",
        &REPLICATES.to_string(),
    ]);
    score
        .arg("--predictions")
        .arg(&predictions)
        .arg("--data")
        .arg(data)
        .arg("--out")
        .arg(&out);
    let scored = run(score.stdin(explaining.stdout.take().unwrap()));
    let explained = explaining.wait().unwrap();
    assert!(explained.success(), "{}: {explained}", trained.name);
    assert_eq!(scored.code, Some(0), "{}: {}", trained.name, scored.stderr);
    out
}

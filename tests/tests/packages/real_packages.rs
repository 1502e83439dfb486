//! Imports weight files that the Python packages write, in every form of file they have, and exports weights to them.
//! Weights and logits must stay the same; broken and hostile files must be refused. `tests/python/exchange.py` writes
//! the files: its function `write` says what each form is, `broken` what each broken file has.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::programs::{Done, program, run, succeed};

use crate::python::Python;

/// Classes of the synthetic scenes that `data-prep scenes` draws.
pub(crate) const CLASSES: usize = 6;
/// Classes of ImageNet.
pub(crate) const IMAGENET: usize = 1000;
/// So small that training hardly moves a weight. Adam moves one by about this much in a step.
const LEARNING_RATE: f64 = 1e-7;

/// A folder for one test, with a data folder `data` of a few synthetic scenes of 64 × 64 pixels.
pub(crate) struct Sandbox(pub(crate) PathBuf);

impl Sandbox {
    pub(crate) fn new(test: &str) -> Sandbox {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("packages")
            .join(test);
        if folder.exists() {
            fs_err::remove_dir_all(&folder).unwrap();
        }
        fs_err::create_dir_all(&folder).unwrap();
        let sandbox = Sandbox(folder);
        let mut draw = program("data-prep");
        draw.arg("scenes").arg("--out").arg(sandbox.path("data"));
        draw.args([
            "--train",
            "8",
            "--val",
            "4",
            "--test",
            "4",
            "--shifted",
            "2",
        ]);
        succeed(draw.args(["--size", "64"]));
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Removes the folder, as networks are large. After a failed test it stays, so that its files can be looked at.
    pub(crate) fn remove(self) {
        fs_err::remove_dir_all(&self.0).unwrap();
    }
}

/// Returns the command that imports a package's weight file.
fn import(file: &Path, backbone: &str, out: &Path) -> Command {
    let mut command = program("trainer");
    command.arg("import").arg(file).arg("--out").arg(out);
    command.args(["--backbone", backbone]);
    command
}

/// Explains a run or a weight file, as `flag` says (`--run`, `--weights`); returns the path of the table
/// of logits.
pub(crate) fn explain(sandbox: &Sandbox, flag: &str, subject: &Path) -> PathBuf {
    let predictions = sandbox.path("predictions.parquet");
    let mut command = program("trainer");
    command.arg("explain").arg(flag).arg(subject);
    command.arg("--data").arg(sandbox.path("data"));
    command.arg("--maps").arg(sandbox.path("maps.arrow"));
    command.arg("--predictions").arg(&predictions);
    succeed(command.args(["--device", "cpu"]));
    predictions
}

/// Trains for an epoch from `weights`, hardly moving them; returns the run's folder.
pub(crate) fn train(sandbox: &Sandbox, backbone: &str, weights: &Path) -> PathBuf {
    let config = sandbox.path("run.toml");
    let text = format!(
        "name = \"x\"\nbackbone = \"{backbone}\"\nattribution = \"ixg\"\nlayer = \"final\"\n\
         epochs = 1\nbatch_size = 4\nlearning_rate = {LEARNING_RATE:e}\n\n\
         [init]\nfrom = \"weights\"\nfile = {weights:?}\n"
    );
    fs_err::write(&config, text).unwrap();
    let mut command = program("trainer");
    command.arg("train").arg("--config").arg(&config);
    command.arg("--data").arg(sandbox.path("data"));
    command.arg("--out").arg(sandbox.path("runs"));
    let done = succeed(command.args(["--device", "cpu"]));
    PathBuf::from(done.stdout.trim_end())
}

/// Has Python write a weight file in the form `form` for `classes` classes, and imports it: the weights must be the
/// same numbers. A run is trained from it and exported; explaining the run must give the logits that the package
/// computes from the exported file. Where the number of classes is the data's, the imported weights themselves are
/// explained, too, and must give the package's logits. The comparisons are made in Python, which fails where values
/// differ.
fn exchange(python: &mut Python, form: &str, backbone: &str, classes: usize) {
    let sandbox = Sandbox::new(backbone);
    let file = python.ask("write", json!([form, backbone, classes, sandbox.0]));
    let file = PathBuf::from(file.as_str().unwrap());
    let weights = sandbox.path("imported.safetensors");
    let done = succeed(&mut import(&file, backbone, &weights));
    let n_tensors = python.ask("imported", json!([backbone, weights]));
    assert!(
        done.stderr
            .contains(&format!("{n_tensors} tensors, {classes} classes, SHA-256")),
        "{}",
        done.stderr
    );
    fs_err::remove_file(file).unwrap();
    let logits = |python: &mut Python, weights: &Path, predictions: &Path| {
        let arguments = json!([
            backbone,
            CLASSES,
            weights,
            sandbox.path("data"),
            predictions
        ]);
        let found: Value = python.ask("logits", arguments);
        println!("{backbone} ({form}): error, torch's own, largest logit: {found}");
    };

    let run = train(&sandbox, backbone, &weights);
    let exported = sandbox.path("exported.safetensors");
    let mut export = program("trainer");
    export.arg("export").arg("--run").arg(&run);
    succeed(export.arg("--out").arg(&exported));
    // No weight may be further off than 100 times the learning rate, which is more than the few steps can move it.
    python.ask(
        "trained",
        json!([backbone, exported, CLASSES, 100.0 * LEARNING_RATE]),
    );
    let predictions = explain(&sandbox, "--run", &run);
    logits(python, &exported, &predictions);

    if classes == CLASSES {
        // The imported weights, untrained. The package loads the same weights from a file that it wrote itself.
        let predictions = explain(&sandbox, "--weights", &weights);
        let own = sandbox.path("own.safetensors");
        python.ask("own", json!([backbone, own]));
        logits(python, &own, &predictions);
    }
    sandbox.remove();
}

// Makes a test of each line: its name, the form of file, the network, the number of classes.
macro_rules! exchanged {
    ($($test:ident: $form:literal, $backbone:literal, $classes:expr;)+) => {
        $(
            #[test]
            fn $test() {
                if let Some(mut python) = Python::start(stringify!($test)) {
                    exchange(&mut python, $form, $backbone, $classes);
                }
            }
        )+
    };
}

exchanged! {
    torchvision_resnet50: "torchvision", "resnet50", IMAGENET;
    torchvision_resnet18_of_before_zip: "legacy", "resnet18", CLASSES;
    xdnn_resnet50_as_published: "x-dnn", "xdnn_resnet50", IMAGENET;
    xdnn_resnet18_of_the_papers_script: "official", "xdnn_resnet18", CLASSES;
    bcos_resnet50_as_the_paper_has_it: "b-cos with 0.", "bcos_resnet50", IMAGENET;
    bcos_resnet18_of_the_papers_script: "official b-cos", "bcos_resnet18", CLASSES;
    bcos_densenet121_in_safetensors: "safetensors", "bcos_densenet121", CLASSES;
    bcos_vitc_s_in_half_precision: "float16", "bcos_vitc_s", CLASSES;
    bcos_simple_vit_s_trained_in_parallel: "data parallel", "bcos_simple_vit_s", IMAGENET;
    efficientnet_lite0_as_views_of_one_storage: "strided", "efficientnet_lite0", CLASSES;
}

#[test]
fn resnet18_in_every_other_form() {
    let Some(mut python) = Python::start("resnet18_in_every_other_form") else {
        return;
    };
    let sandbox = Sandbox::new("forms");
    let weights = sandbox.path("imported.safetensors");
    for form in [
        "torchvision",
        "legacy",
        "official",
        "parameters",
        "safetensors",
        "strided",
        "float16",
        "bfloat16",
        "float64",
        "data parallel",
    ] {
        let file = python.ask("write", json!([form, "resnet18", CLASSES, sandbox.0]));
        let file = PathBuf::from(file.as_str().unwrap());
        succeed(&mut import(&file, "resnet18", &weights));
        python.ask("imported", json!(["resnet18", weights]));
        fs_err::remove_file(file).unwrap();
    }
    sandbox.remove();
}

/// Asserts that a command failed with code 2, printed nothing on stdout and one error line that contains `expected`,
/// besides hints, and wrote no file `out`.
fn refused(case: &str, done: &Done, out: &Path, expected: &str) {
    assert_eq!(done.code, Some(2), "{case}: {}", done.stderr);
    assert_eq!(done.stdout, "", "{case}");
    let lines: Vec<&str> = done.stderr.lines().collect();
    let hints = lines
        .iter()
        .filter(|line| line.starts_with("hint: "))
        .count();
    assert_eq!(lines.len(), 1 + hints, "{case}: {}", done.stderr);
    assert!(lines[0].starts_with("error: "), "{case}: {}", done.stderr);
    assert!(
        lines[0].contains(expected),
        "{case}: expected {expected:?} in\n{}",
        done.stderr
    );
    assert!(!out.exists(), "{case}: left a file");
}

#[test]
fn broken_and_hostile_files_are_refused_in_a_line() {
    let Some(mut python) = Python::start("broken_and_hostile_files_are_refused_in_a_line") else {
        return;
    };
    let sandbox = Sandbox::new("broken");
    let out = sandbox.path("imported.safetensors");
    let cases = [
        ("other depth", "unexpected (layer1.0.bn3.bias"),
        ("other family", "unexpected (conv1.linear.weight"),
        (
            "three faults",
            "1 missing (layer1.0.conv1.weight), 1 unexpected (layer9.weight), 1 of another shape \
             (layer2.0.conv1.weight [128, 64, 1, 1] instead of [128, 64, 3, 3]); 100 fit",
        ),
        (
            "head of two minds",
            "1 of another shape (fc.bias [7] instead of [6])",
        ),
        (
            "empty head",
            "fc.weight [1000000000000, 0] instead of [1000, 512]",
        ),
        ("long head", "fc.weight [300000] instead of [1000, 512]"),
        ("no head", "2 missing (fc.weight, fc.bias); 100 fit"),
        ("cut zip", "zip archive"),
        ("cut legacy", "legacy checkpoint, storages"),
        ("cut safetensors", "damaged safetensors file"),
        ("nothing", "starts with nothing"),
        ("page", "starts with \"<!DOCTYPE ht\""),
        ("nested", "take it off with --prefix checkpoint.weights."),
        ("two dicts", "several state dicts (state_dict, model)"),
        ("twice", "module.conv1.weight"),
        (
            "whole model",
            "an object of \"torchvision.models.resnet.ResNet\"",
        ),
        ("torchscript", "an object of \"__torch__.torchvision"),
        (
            "int8",
            "conv1.weight: found int8, expected floating-point weights",
        ),
        ("quantised", "1 missing (conv1.weight)"),
        ("wrong hash", "SHA-256: found"),
        ("code alone", "(which was not called)"),
        ("code as weight", "1 missing (conv1.weight)"),
    ];
    for (case, expected) in cases {
        let file = python.ask("broken", json!([case, sandbox.0]));
        let file = PathBuf::from(file.as_str().unwrap());
        let done = run(&mut import(&file, "resnet18", &out));
        refused(case, &done, &out, expected);
        println!("{case}: {}", done.stderr.trim_end());
        // Some of these files are accepted once a flag says what is meant.
        let flag: &[&str] = match case {
            "two dicts" => &["--entry", "model"],
            "no head" | "three faults" => &["--partial"],
            _ => &[],
        };
        if !flag.is_empty() {
            succeed(import(&file, "resnet18", &out).args(flag));
            fs_err::remove_file(&out).unwrap();
        }
        if case == "nested" {
            let done = run(import(&file, "resnet18", &out).arg("--partial"));
            refused("nested, partial", &done, &out, expected);
        }
        fs_err::remove_file(file).unwrap();
    }
    // Code beside the weights is passed over, so this file is accepted, but not with a wrong hash.
    let file = python.ask("broken", json!(["code beside", sandbox.0]));
    let file = PathBuf::from(file.as_str().unwrap());
    let done = run(import(&file, "resnet18", &out).args(["--sha256", "01234567"]));
    refused("sha256", &done, &out, "01234567, as --sha256 says");
    succeed(&mut import(&file, "resnet18", &out));
    // The pickles with code would create this file if the code were run.
    assert!(!sandbox.path("EXECUTED").exists(), "a payload was run");

    // Imported weights are refused for a method that their network does not have (B-cos) and for data with another
    // number of classes; a table is refused as weights.
    let explain = |weights: &Path, rest: &[&str]| {
        let mut command = program("trainer");
        command.arg("explain").arg("--weights").arg(weights);
        command.arg("--data").arg(sandbox.path("data"));
        run(command.args(["--maps", "-", "--device", "cpu"]).args(rest))
    };
    let maps = sandbox.path("maps.arrow");
    let done = explain(&out, &["--attribution", "bcos"]);
    refused("bcos", &done, &maps, "attribution: found bcos");
    let done = explain(&sandbox.path("data/images.parquet"), &[]);
    refused("table", &done, &maps, "images.parquet");
    let file = python.ask(
        "write",
        json!(["torchvision", "resnet18", IMAGENET, sandbox.0]),
    );
    let file = PathBuf::from(file.as_str().unwrap());
    succeed(&mut import(&file, "resnet18", &out));
    let done = explain(&out, &[]);
    let expected = "fc.weight [1000, 512] instead of [6, 512]";
    refused("other classes", &done, &maps, expected);
    sandbox.remove();
}

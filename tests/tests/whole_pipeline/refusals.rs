//! Gives the programs wrong configurations, folders, checkpoints and maps. Each must be refused with exit
//! code 2, nothing on stdout, and an error that names the file or field, what was found and what was
//! expected.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::programs::{Done, program, run};
use tests::runs::train;

use crate::made::{config, draw, folder, made};

/// The line of the table `[init]` for random initial weights.
const SCRATCH: &str = "from = \"scratch\"";

/// Asserts that a program ended with code 2 and an error that contains every text of `expected`; `case` is named in
/// messages.
fn check(case: &str, done: &Done, expected: &[&str]) {
    assert_eq!(done.code, Some(2), "{case}: {}{}", done.stdout, done.stderr);
    assert_eq!(done.stdout, "", "{case}");
    assert!(
        done.stderr.lines().any(|line| line.starts_with("error: ")),
        "{case}: {}",
        done.stderr
    );
    assert!(!done.stderr.contains("panicked"), "{case}: {}", done.stderr);
    for part in expected {
        assert!(
            done.stderr.contains(part),
            "{case}: expected {part:?} in\n{}",
            done.stderr
        );
    }
}

#[test]
fn run_configurations() {
    let made = made();
    let root = folder("configurations");
    let guided = |loss: &str, rest: &str| {
        config(
            "x",
            "final",
            1,
            SCRATCH,
            &format!("\n[guidance]\nloss = \"{loss}\"\n{rest}\n"),
        )
    };
    let plain = || config("x", "final", 1, SCRATCH, "");
    // Names the data folder where the folder of a finished baseline (unguided run) is expected.
    let unfinished = format!("from = \"run\"\nfolder = {:?}", made.data);
    // What is wrong, the configuration, and texts that the error must contain.
    let cases = [
        (
            "unknown key",
            format!("colour = 3\n{}", plain()),
            &["line 1", "`colour`", "`backbone`"][..],
        ),
        (
            "unknown key of guidance",
            guided("energy", "lambda = 0.1\nlamda = 1"),
            &["`lamda`", "`lambda`"],
        ),
        (
            "unknown loss",
            guided("energie", "lambda = 0.1"),
            &["found 'energie'", "energy, l1, "],
        ),
        (
            "unknown layer",
            config("x", "middle", 1, SCRATCH, ""),
            &["middle", "mid1"],
        ),
        (
            "negative lambda",
            guided("energy", "lambda = -1"),
            &["guidance.lambda: found -1, expected a number above 0"],
        ),
        ("no lambda", guided("energy", ""), &["`lambda`"]),
        (
            "lambda not finite",
            guided("energy", "lambda = nan"),
            &["guidance.lambda: found NaN"],
        ),
        (
            "fraction above 1",
            guided("energy", "lambda = 1\nannotated_fraction = 1.5"),
            &["annotated_fraction: found 1.5, expected at most 1"],
        ),
        (
            "no epochs",
            config("x", "final", 0, SCRATCH, ""),
            &["epochs: found 0, expected a number above 0"],
        ),
        (
            "unknown annotation",
            guided("energy", "lambda = 1\nannotation = \"point\""),
            &["`point`", "`box`", "`segmentation`"],
        ),
        (
            "dilated segmentations",
            guided(
                "energy",
                "lambda = 1\nannotation = \"segmentation\"\ndilation = 0.5",
            ),
            &["guidance.dilation: found 0.5, expected 0 with annotation segmentation"],
        ),
        (
            "no exponent",
            guided("energy_area", "lambda = 1"),
            &[
                "loss.exponent: found nothing, expected a number above 0, at most 4, with loss energy_area",
            ],
        ),
        (
            "the former key of the exponent",
            guided("energy", "lambda = 1\narea_exponent = 0.5"),
            &[
                "unknown field `area_exponent`",
                "hint: write loss = { name = \"energy_area\"",
            ],
        ),
        (
            "unknown task",
            format!("task = \"inverse\"\n{}", plain()),
            &["`inverse`", "`conventional`", "`reversed`"],
        ),
        (
            "unknown augmentation",
            format!("augmentation = \"flip\"\n{}", plain()),
            &["`flip`", "`none`", "`crop_flip`"],
        ),
        ("no TOML", "name = \"x".to_owned(), &["line 1"]),
        ("empty file", String::new(), &["missing field"]),
    ];
    let file = root.join("run.toml");
    for (case, text, expected) in cases {
        fs_err::write(&file, text).unwrap();
        let done = run(&mut train(&file, &made.data, &root));
        check(case, &done, expected);
        let name = file.display().to_string();
        assert!(
            done.stderr.starts_with(&format!("error: {name}: ")),
            "{case}: {}",
            done.stderr
        );
    }
    for (case, init, expected) in [
        (
            "baseline not finished",
            unfinished.as_str(),
            &["run folder", "run.parquet"][..],
        ),
        (
            "weights not there",
            "from = \"weights\"\nfile = \"nowhere.safetensors\"",
            &["nowhere.safetensors"],
        ),
    ] {
        fs_err::write(&file, config("x", "final", 1, init, "")).unwrap();
        check(case, &run(&mut train(&file, &made.data, &root)), expected);
    }
    fs_err::write(&file, format!("task = \"reversed\"\n{}", plain())).unwrap();
    check(
        "a task the data set has not",
        &run(&mut train(&file, &made.data, &root)),
        &["task: found reversed for scenes (conventional), expected conventional, or reversed for"],
    );
    check(
        "no configuration",
        &run(&mut train(&root.join("no.toml"), &made.data, &root)),
        &["no.toml"],
    );
    let only_file: Vec<_> = fs_err::read_dir(&root).unwrap().collect();
    assert_eq!(only_file.len(), 1, "a refused run leaves nothing");
}

#[test]
fn folders_checkpoints_and_maps() {
    let made = made();
    let root = folder("refusals");
    let other = root.join("other");
    draw(&other, [4, 4, 4, 4], 1);
    let baseline = &made.runs[0];
    let maps = root.join("maps.arrow");
    let explain = |data: &Path| {
        let mut command = program("trainer");
        command
            .arg("explain")
            .arg("--run")
            .arg(&baseline.folder)
            .arg("--data")
            .arg(data);
        command.args(["--device", "cpu", "--maps"]);
        command
    };
    assert_eq!(run(explain(&made.data).arg(&maps)).code, Some(0));
    let score = |maps: &Path, data: &Path| {
        let mut command = program("evaluator");
        command
            .arg("score")
            .arg("--maps")
            .arg(maps)
            .arg("--data")
            .arg(data);
        command.arg("--out").arg(root.join("scores"));
        command
    };
    let nowhere = Path::new("nowhere");
    let voc = |devkit: &Path| {
        let mut command = program("data-prep");
        command
            .args(["voc", "--root"])
            .arg(devkit)
            .arg("--out")
            .arg(root.join("voc"));
        command
    };
    let report = |results: &Path| {
        let mut command = program("analysis");
        command
            .arg("report")
            .arg("--results")
            .arg(results)
            .arg("--out")
            .arg(root.join("report"));
        command
    };
    let mut drawn_again = program("data-prep");
    drawn_again.args([
        "scenes",
        "--seed",
        "2",
        "--train",
        "4",
        "--val",
        "4",
        "--test",
        "4",
        "--shifted",
        "4",
    ]);
    drawn_again
        .args(["--size", "32", "--root"])
        .arg(root.join("devkit"))
        .arg("--out")
        .arg(&other);
    let mut cases: Vec<(&str, Command, &[&str])> = vec![
        (
            "prepare: no source",
            voc(nowhere),
            &[
                "nowhere",
                "VOC devkit",
                "found no such folder",
                "ImageSets/Main",
            ],
        ),
        (
            "prepare: over other data",
            drawn_again,
            &["other", "found", "expected"],
        ),
        (
            "train: no data",
            train(&baseline.config, nowhere, &root),
            &["nowhere", "images.parquet", "data-prep"],
        ),
        (
            "train: another folder",
            train(&baseline.config, &baseline.folder, &root),
            &["images.parquet", "data-prep"],
        ),
        (
            "explain: other data",
            explain(&other),
            &["inputs", "the data the run was trained on"],
        ),
        (
            "explain: epoch not kept",
            explain(&made.data),
            &["checkpoint: found 99, expected one of the kept epochs"],
        ),
        (
            "explain: colours of a network that has none",
            explain(&made.data),
            &["backbone: found resnet18, expected a B-cos network"],
        ),
        (
            "score: no data",
            score(&maps, nowhere),
            &["nowhere", "images.parquet"],
        ),
        (
            "score: other data",
            score(&maps, &other),
            &["maps.arrow", "row", "found", "expected"],
        ),
        ("score: no maps", score(nowhere, &made.data), &["nowhere"]),
        (
            "score: a table",
            score(&made.data.join("images.parquet"), &made.data),
            &[
                "images.parquet",
                "guidance.schema: found images, expected maps",
            ],
        ),
        (
            "report: no runs",
            report(&other),
            &["no finished run", "runs/<run id>/run.parquet"],
        ),
    ];
    // Further arguments of the three cases that begin with "explain", in their order: where the maps go (`-` is
    // stdout).
    cases[4].1.arg("-");
    cases[5].1.args(["-", "--checkpoint", "99"]);
    let colours = root.join("colours.arrow");
    cases[6].1.args(["-", "--colour"]).arg(&colours);
    for (case, mut command, expected) in cases {
        check(case, &run(&mut command), expected);
    }
    // A stream of maps that ends early, as when the trainer at the other end of the pipe was killed.
    let bytes = fs_err::read(&maps).unwrap();
    let mut command = score(Path::new("-"), &made.data);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut scoring = command.spawn().unwrap();
    scoring
        .stdin
        .take()
        .unwrap()
        .write_all(&bytes[..bytes.len() * 2 / 3])
        .unwrap();
    check(
        "score: stream cut short",
        &scoring.wait_with_output().unwrap().into(),
        &["stdin"],
    );
    for folder in [
        "scores/metrics.parquet",
        "report/report.html",
        "voc/images.parquet",
        "colours.arrow",
    ] {
        assert!(!root.join(folder).exists(), "{folder} looks finished");
    }
}

//! Runs all stages of the pipeline on as many images as COCO 2014 has, and prints the time and memory that each
//! takes. For `trainer train` it prints instead how memory and open files grow with time, which shows a leak.
//!
//! The annotations are generated. The images are hard links to a few JPEGs, so that they take no room.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fs_err as fs;

use super::context::Bench;
use super::table::number;
use super::{instances, measure, python};
use crate::system::{disk, process};

/// The number of images in COCO val2014, which is the test split.
const TEST: u64 = 40_504;
/// Generated annotations for each test image. With so many there are as many (image, class) pairs as in
/// val2014: 116,592.
const TEST_ANNOTATIONS: f64 = 2.93;
/// Height and width of the prepared images. They are small to save time and disk; memory must not depend
/// on them.
const SIZE: u64 = 64;

/// Generates the data, runs the stages one after the other, and prints both tables.
pub(super) fn run(bench: &Bench, train_images: u64, epochs: u32) -> Result<()> {
    let test_images = TEST * train_images / instances::IMAGES;
    let test_annotations = (test_images as f64 * TEST_ANNOTATIONS).round() as u64;
    let n_images = train_images + test_images;
    // Bytes of RGB, and as much again for all other files.
    disk::require(&bench.scratch, 2 * n_images * SIZE.pow(2) * 3)?;
    let picture_folder = bench.voc()?.1.join("JPEGImages");
    let train = instances::generate(bench, train_images)?;
    let test = bench.scratch.join("val.json");
    let mut generate = Command::new(bench.example("generate_instances")?);
    generate
        .args(["--val", "--images", &test_images.to_string()])
        .args(["--annotations", &test_annotations.to_string(), "--out"])
        .arg(&test);
    process::run(&mut generate, "generating an instances JSON")?;
    let root = bench.scratch.join("coco");
    let mut layout = Command::new(&bench.python);
    layout.arg(python::script("coco_layout.py"));
    layout.args([&train, &picture_folder, &root, &test]);
    process::run(&mut layout, "making a COCO folder")?;

    println!("### COCO 2014's size: {n_images} images, {SIZE} × {SIZE}\n");
    println!("| stage | wall time | CPU time | peak memory |\n|---|---:|---:|---:|");
    // Measures one program and prints its row.
    let stage = |name: &str, program: &str, arguments: &dyn Fn(&mut Command)| -> Result<()> {
        eprintln!("load: {name}");
        let mut command = Command::new(bench.programs.program(program)?);
        arguments(&mut command);
        let cost = measure::run(&bench.python, &command)?;
        println!(
            "| {name} | {} s | {} s | {} MiB |",
            number(cost.seconds),
            number(cost.cpu_seconds),
            number(cost.peak_mib)
        );
        Ok(())
    };
    let [data, runs, maps] = ["data", "runs", "maps.arrow"].map(|name| bench.scratch.join(name));
    stage("data-prep coco", "data-prep", &|command| {
        command.arg("coco").arg("--root").arg(&root);
        command.arg("--out").arg(&data);
        command.args(["--size", &SIZE.to_string()]);
    })?;
    let config = bench.scratch.join("run.toml");
    fs::write(&config, configuration(epochs))?;
    let mut training = Command::new(bench.programs.program("trainer")?);
    training.arg("train").arg("--config").arg(&config);
    training.arg("--data").arg(&data).arg("--out").arg(&runs);
    eprintln!("load: trainer train");
    let samples = watch(training.args(["--device", "cpu"]))?;
    let run = only_folder(&runs)?;
    let predictions = bench.scratch.join("predictions.parquet");
    let evaluation = run.join("evaluations/test");
    stage("trainer explain, test images", "trainer", &|command| {
        command.arg("explain").arg("--run").arg(&run);
        command.arg("--data").arg(&data).arg("--maps").arg(&maps);
        command.arg("--predictions").arg(&predictions);
    })?;
    stage("evaluator score, 1000 resamples", "evaluator", &|command| {
        command.arg("score").arg("--maps").arg(&maps);
        command
            .arg("--data")
            .arg(&data)
            .arg("--out")
            .arg(&evaluation);
        command.arg("--predictions").arg(&predictions);
    })?;
    stage("analysis report", "analysis", &|command| {
        command.arg("report").arg("--results").arg(&bench.scratch);
        command.arg("--out").arg(bench.scratch.join("results"));
    })?;
    println!("\n{}", growth(&samples)?);
    Ok(())
}

/// The text of `run.toml`: a small guided network, trained for so many epochs.
fn configuration(epochs: u32) -> String {
    format!(
        "name = \"load\"\nbackbone = \"resnet18\"\nattribution = \"ixg\"\nlayer = \"final\"\n\
         epochs = {epochs}\nlearning_rate = 1e-4\nbatch_size = 64\nseed = 0\n\n\
         [init]\nfrom = \"scratch\"\n\n\
         [guidance]\nloss = \"energy\"\nlambda = 0.05\n"
    )
}

/// The memory and open files of a process at one moment.
struct Sample {
    /// Seconds since the process started.
    seconds: f64,
    /// Resident memory without mapped files, such as the pixels (`RssAnon` of `/proc`).
    anonymous_mib: f64,
    open_files: usize,
}

/// Runs `command` to its end and takes a sample of it every second.
fn watch(command: &mut Command) -> Result<Vec<Sample>> {
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{command:?} could not be started"))?;
    let process = format!("/proc/{}", child.id());
    let mut samples = Vec::new();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        samples.extend(sample(Path::new(&process), start));
        std::thread::sleep(Duration::from_secs(1));
    };
    ensure!(status.success(), "{command:?}: {status}");
    Ok(samples)
}

/// Reads a sample from `process`, a folder of `/proc`. None where the system has no Linux-like `/proc`, or
/// the process has just ended.
fn sample(process: &Path, start: Instant) -> Option<Sample> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        seconds: start.elapsed().as_secs_f64(),
        anonymous_mib: kib / 1024.0,
        open_files: fs::read_dir(process.join("fd")).ok()?.count(),
    })
}

/// A table of the largest memory and number of open files in each quarter of the training's time.
fn growth(samples: &[Sample]) -> Result<String> {
    ensure!(
        samples.len() >= 4,
        "training: found {} samples of its memory, expected 4 at least, of Linux' /proc",
        samples.len()
    );
    let mut table = String::from(
        "| `trainer train`, by quarters of its time | until | memory without mapped files | open files |\n\
         |---|---:|---:|---:|",
    );
    for (quarter, part) in samples.chunks(samples.len().div_ceil(4)).enumerate() {
        let memory = part.iter().map(|s| s.anonymous_mib).fold(0.0, f64::max);
        let files = part.iter().map(|s| s.open_files).max().unwrap_or(0);
        let until = part.last().map_or(0.0, |s| s.seconds);
        table += &format!(
            "\n| {} | {until:.0} s | {memory:.0} MiB | {files} |",
            quarter + 1
        );
    }
    Ok(table + "\n")
}

/// The only folder in `folder`; here the one run.
fn only_folder(folder: &Path) -> Result<std::path::PathBuf> {
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let folders: Vec<_> = entries
        .iter()
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .collect();
    match &folders[..] {
        [only] => Ok(only.clone()),
        _ => anyhow::bail!(
            "{}: found {} runs, expected 1",
            folder.display(),
            folders.len()
        ),
    }
}

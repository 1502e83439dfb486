//! Measures how fast VOC, or own data in its layout, is made into tables and pixels at the network's input size:
//! `data-prep read` (ours) against a Python script that does what the paper's official preprocessing does, with
//! Pillow and numpy (the reference), on the same images. Output folders are deleted between runs, so every run
//! writes all of it.

use std::process::Command;

use anyhow::Result;
use fs_err as fs;
use serde::Deserialize;

use super::context::Bench;
use super::measure::{self, Cost, median_of};
use super::python;
use super::table::{Goal, Row, Table};
use crate::system::disk;

/// Height and width of the network's input, as in the paper.
const SIZE: u64 = 224;

/// What the Python script, the reference, prints as JSON.
#[derive(Debug, Deserialize)]
struct Report {
    images: u64,
    /// Wall time without starting Python and loading its packages.
    seconds: f64,
    /// The part of `seconds` that goes into writing the arrays.
    saving: f64,
}

/// Measures both programs in turn and prints the table.
pub(super) fn run(bench: &Bench) -> Result<()> {
    let (folder, inner) = bench.voc()?;
    let n_pictures = fs::read_dir(inner.join("JPEGImages"))?.count() as u64;
    // The reference writes four bytes a number. Ours are one byte, and are deleted before it writes.
    disk::require(&bench.scratch, n_pictures * SIZE * SIZE * 3 * 4)?;

    let (mut ours, mut theirs, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    ours_once(bench)?; // not counted: brings the images into the system's cache
    for run in 1..=bench.n_runs {
        eprintln!("preprocessing: run {run} of {}", bench.n_runs);
        ours.push(ours_once(bench)?);
        let cost = reference_once(bench)?;
        reports.push(cost.report::<Report>()?);
        theirs.push(cost);
    }

    let both =
        |quantity: fn(&Cost) -> f64| [median_of(&ours, quantity), median_of(&theirs, quantity)];
    let [wall, _] = both(|cost| cost.seconds);
    let unsaved = median_of(&reports, |report| report.seconds - report.saving);
    let table = Table {
        ours: "data-prep",
        reference: "Pillow and numpy",
        rows: vec![
            Row::new(
                "wall time",
                "s",
                both(|cost| cost.seconds),
                Goal::Times(3.0),
            ),
            Row::new(
                "wall time, the reference's without start and saving",
                "s",
                [wall, unsaved],
                Goal::None,
            ),
            Row::new("CPU time", "s", both(|cost| cost.cpu_seconds), Goal::None),
            Row::new("peak memory", "MiB", both(|cost| cost.peak_mib), Goal::None),
        ],
    };
    let n_images = reports.first().map_or(0, |report| report.images);
    let per_second = n_images as f64 / wall;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    println!("### {name}, {n_images} images to {SIZE} × {SIZE}\n");
    println!("{table}\ndata-prep: {per_second:.0} images per second.\n");
    Ok(())
}

/// Measures one run of `data-prep read`.
fn ours_once(bench: &Bench) -> Result<Cost> {
    let out = bench.folder("ours")?;
    let mut command = Command::new(bench.programs.program("data-prep")?);
    command.arg("read").arg(bench.voc()?.0);
    command
        .arg("--out")
        .arg(&out)
        .args(["--size", &SIZE.to_string()]);
    let cost = measure::run(&bench.python, &command)?;
    fs::remove_dir_all(&out)?;
    Ok(cost)
}

/// Measures one run of the Python script.
fn reference_once(bench: &Bench) -> Result<Cost> {
    let out = bench.folder("reference")?;
    let mut command = Command::new(&bench.python);
    command.arg(python::script("preprocess_voc.py"));
    command.arg(bench.voc()?.1).arg(&out).arg(SIZE.to_string());
    let cost = measure::run(&bench.python, &command)?;
    fs::remove_dir_all(&out)?;
    Ok(cost)
}

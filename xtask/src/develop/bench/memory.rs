//! Measures the peak memory of `data-prep coco` at three numbers of images, up to COCO train2014's.
//!
//! The annotations are generated. The images are hard links to a few VOC pictures, scaled to the sizes that
//! the annotations name. The official preprocessing is not measured beside it: it keeps the pixels of all
//! images in memory as float32, which for train2014 at 224 × 224 are 50 GB.

use std::process::Command;

use anyhow::Result;
use fs_err as fs;

use super::context::Bench;
use super::measure;
use super::table::number;
use super::{instances, python};
use crate::system::{disk, process};

/// Measures and prints the table: a row for a sixteenth, a quarter and all of the images.
pub(super) fn run(bench: &Bench) -> Result<()> {
    let bytes_per_image = u64::from(bench.memory_size).pow(2) * 3; // RGB
    // 5 % more for the tables.
    disk::require(
        &bench.scratch,
        bench.memory_images * bytes_per_image * 21 / 20,
    )?;
    // `coco_layout.py` scales one of these pictures to each size that the annotations name.
    let picture_folder = bench.voc()?.1.join("JPEGImages");

    let size = bench.memory_size;
    println!("### Memory of `data-prep coco` by number of images, {size} × {size}\n");
    println!("| images | pixels written | wall time | CPU time | peak memory |");
    println!("|---:|---:|---:|---:|---:|");
    for images in [
        bench.memory_images / 16,
        bench.memory_images / 4,
        bench.memory_images,
    ] {
        let images = images.max(1);
        let root = bench.folder("coco")?;
        let json = instances::generate(bench, images)?;
        let mut layout = Command::new(&bench.python);
        layout.arg(python::script("coco_layout.py"));
        layout.arg(&json).arg(&picture_folder).arg(&root);
        process::run(&mut layout, "making a COCO folder")?;

        eprintln!("memory: {images} images");
        let out = bench.folder("coco-out")?;
        let mut command = Command::new(bench.programs.program("data-prep")?);
        command.arg("coco").arg("--root").arg(&root);
        command
            .arg("--out")
            .arg(&out)
            .args(["--size", &size.to_string()]);
        let cost = measure::run(&bench.python, &command)?;
        let megabytes = fs::metadata(out.join("pixels.arrow"))?.len() / 1_000_000;
        println!(
            "| {images} | {megabytes} MB | {} s | {} s | {} MiB |",
            number(cost.seconds),
            number(cost.cpu_seconds),
            number(cost.peak_mib)
        );
        for folder in [&out, &root] {
            fs::remove_dir_all(folder)?;
        }
        fs::remove_file(&json)?;
    }
    println!();
    Ok(())
}

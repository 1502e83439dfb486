//! Loads an instances JSON (COCO's annotation file) and prints what it holds, how long loading took and the peak
//! of memory: for a comparison with pycocotools' `COCO(file)`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;

/// Load an instances JSON and print counts, seconds and peak memory as JSON.
#[derive(Parser)]
struct Args {
    /// The file to load.
    file: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let start = Instant::now();
    let instances = data_prep::source::coco::load_instances(&args.file)?;
    let seconds = start.elapsed().as_secs_f64();
    for item in instances.problems() {
        eprintln!("{}", item.problem);
    }
    let report = serde_json::json!({
        "images": instances.images().len(),
        "annotations": instances.annotations().len(),
        "categories": instances.categories().len(),
        "problems": instances.problems().len(),
        "seconds": seconds,
        "peak_mib": peak_mib(),
    });
    println!("{report}");
    Ok(())
}

/// The process's largest resident set so far (`VmHWM`) in MiB; `None` where the system does not tell.
fn peak_mib() -> Option<f64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

//! `cargo xtask recipes`: prints a Markdown table of the repository's recipes, with the number of their
//! runs and the expected time on a CPU and a GPU.

use std::io::Write;

use anyhow::Result;

use crate::drive::device::Device;
use crate::drive::plan::cost::{Rates, Speed};
use crate::drive::plan::{Plan, duration};
use crate::drive::recipe;
use crate::system::paths;

/// Runs `cargo xtask recipes`.
pub(crate) fn run() -> Result<()> {
    // Not println!, which panics where the reader is gone.
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| recipe | runs | two CPU cores | GPU hours | shows |\n|---|---:|---:|---:|---|"
    )?;
    for name in recipe::available(&paths::root().join("recipes"))? {
        // None: names are not checked, because that would need the built programs.
        let experiment = recipe::read(&paths::root(), &name, None)?;
        let plan = Plan::new(&experiment);
        let seconds = |device| {
            let one = Speed {
                device,
                n_devices: 1,
            };
            plan.seconds_left(&Rates::default(), one)
        };
        writeln!(
            out,
            "| `{name}` | {} + {} | {} | {:.1} | {} |",
            experiment.baselines.len(),
            experiment.guided.len(),
            duration(seconds(Device::Cpu)),
            seconds(Device::Cuda) / 3600.0,
            experiment.about
        )?;
    }
    writeln!(
        out,
        "\nRuns: baselines + guided. Times are estimates: two idle CPU cores by docs/benchmarks.md; \
         one H200 in f32 by the same; tf32 takes about a third of that in ResNets, half in B-cos networks."
    )?;
    Ok(())
}

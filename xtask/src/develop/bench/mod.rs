//! `cargo xtask bench`: time and memory of data-prep, the trainer and the evaluator beside the Python programs they
//! replace (the paper's official code, pycocotools, Quantus), on this machine, as Markdown tables on stdout. Both
//! sides run alternately within one command, so that a change of the machine's load meets both.
//! docs/benchmarks.md holds what it printed. The goals in the tables are the project's own.

// The command line.
mod command;
// What the measurements share.
mod context;
// Loading an instances JSON of COCO.
mod instances;
// All stages over as many images as COCO 2014 has; whether a training's memory and open files grow.
mod load;
// The machine that the numbers are of.
mod machine;
// Seconds and peak memory of a process; medians.
mod measure;
// Peak memory of `data-prep coco` by number of images.
mod memory;
// Metrics of maps.
mod metrics;
// VOC to pixels and tables.
mod preprocessing;
// The Python packages compared with, and the scripts that use them.
mod python;
// Markdown tables.
mod table;
// Training and explaining.
mod training;

pub(crate) use command::{Args, run};

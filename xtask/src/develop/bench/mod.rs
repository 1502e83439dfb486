//! `cargo xtask bench`: what data-prep and the trainer cost against the Python programs they replace, on
//! this machine, as Markdown tables on stdout. Ours and the reference take turns in one go, so both
//! meet the same machine. `docs/benchmarks.md` holds what it printed.

mod command;
mod instances;
mod load;
mod machine;
mod measure;
mod memory;
mod place;
mod preprocessing;
mod python;
mod table;
mod training;

pub(crate) use command::{Args, run};

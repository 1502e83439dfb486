//! Trains classifiers with a second loss on their own explanations (attribution maps), so that these fall
//! inside bounding boxes. The modules, with the sections of the paper (Rao, Böhle et al., "Studying How to
//! Efficiently and Effectively Guide Models with Explanations", ICCV 2023) and of docs/SPEC.md:
//!
//! - [`network`]: the networks, divided at the layers that the paper explains, and their operations
//! - [`explain`]: attribution methods (section 3.2), the maps of a split, colours and the grid pointing
//!   game (SPEC K)
//! - [`predict`]: logits, maps and pictures of images without annotations
//! - [`faithfulness`]: whether maps say what the network looks at (SPEC L)
//! - [`guide`]: annotated images, drawn classes and masks (section 3.5), the localization losses
//!   (section 3.4) and the objective
//! - [`train`]: steps, epochs and validation (section 4)
//! - [`run`]: a run's configuration, id, folder and tables, and which epochs are kept
//! - [`weights`]: weight files, import and export
//! - [`tensorboard`]: event files, by which TensorBoard shows a run
//! - [`machine`]: device, memory, process and signals
//! - [`vocabulary`]: all names that a configuration may use
//! - [`names`], [`batches`], [`random`], [`finite`], [`error`]: used by all of them
//!
//! The evaluator has the metrics, data-prep the geometry of masks.

/// Prints a line for people on stderr. If that fails (the terminal was closed, the program that reads the
/// pipe has ended), nothing happens, unlike with `eprintln!`, which panics.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod batches;
pub mod error;
pub mod explain;
pub mod faithfulness;
pub mod finite;
pub mod guide;
mod hex;
pub mod machine;
pub mod names;
pub mod network;
pub mod predict;
mod progress;
pub mod random;
pub mod run;
pub mod tensorboard;
pub mod train;
pub mod vocabulary;
pub mod weights;

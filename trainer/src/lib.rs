//! Classifiers trained with a second loss on their own explanations, so that these fall inside
//! bounding boxes. From the formula to the file:
//!
//! - [`backbone`]: the networks, cut at the paper's layers
//! - [`attribution`]: IxG and GradCAM (section 3.1) · [`loss`]: the localization losses (section 3.4)
//! - [`guidance`]: annotated images, drawn classes, masks (section 3.5) · [`augmentation`]: crops and
//!   flips · [`objective`]: the guided loss · [`micro_batch`]: a step in several passes
//! - [`train`], [`validation`], [`pareto`], [`select`]: epochs, and which are kept (section 4)
//! - [`explain`]: maps of a checkpoint · [`colour`], [`grid_pointing_game`]: what else maps show (SPEC K)
//! - [`device`], [`memory`], [`batches`]: where it is computed, and how much at once
//! - [`config`], [`run`], [`tables`], [`checkpoint`], [`kept`], [`resume`], [`lock`], [`import`]: files
//!
//! Metrics are the evaluator's, mask geometry is data-prep's.

/// A line on stderr, for people. Where nobody can read it any more (a terminal that was closed, a pipe
/// whose reader ended), the program goes on without.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod adam;
pub mod attribution;
pub mod augmentation;
pub mod backbone;
pub mod batches;
pub mod checkpoint;
pub mod checkpoint_file;
pub mod colour;
pub mod config;
pub mod device;
pub mod error;
pub mod explain;
pub mod explanations;
pub mod finite;
pub mod fused;
pub mod grid_pointing_game;
pub mod guidance;
pub mod import;
pub mod kept;
pub mod lock;
pub mod loss;
pub mod memory;
pub mod micro_batch;
pub mod names;
pub mod objective;
pub mod params;
pub mod pareto;
pub mod process;
pub mod random;
mod readings;
pub mod resume;
pub mod run;
pub mod select;
mod start;
pub mod stop;
pub mod tables;
pub mod train;
pub mod validation;

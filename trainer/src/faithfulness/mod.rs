//! `trainer faithfulness`: whether maps say what the network looks at (docs/SPEC.md L). Guidance can teach a network
//! to show boxes instead of its reasons. So pixels are taken from an image in the order of its map, or the object, or
//! the rest, and the network is asked again; and the map is compared with that of a network with random weights.
//!
//! A measure that alters images is an entry ([`measure::Measure`]) in its own file and a line in [`list`]. The
//! formulas of areas and rank correlations are the evaluator's.

// The command's options.
pub mod arguments;
// What is shown where pixels are taken away.
pub mod baseline;
// The command: pairs through the network.
mod command;
// Probabilities while cells are taken or put in.
mod curve;
// Pixels taken away in the order of the map.
mod deletion;
// Pixels put in in the order of the map.
mod insertion;
// All measures.
pub mod list;
// What a measure is.
pub mod measure;
// Cells in the order of a map.
pub mod order;
// An image and a class on it, as measures see it.
pub mod pair;
// Maps of a network with random weights.
pub mod randomisation;
// The object, the rest or another region taken away.
mod removal;
// The table.
pub mod table;

pub use arguments::Arguments;
pub use command::{measure, summary};

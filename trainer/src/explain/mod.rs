//! Explanations: attribution methods, the maps of a split's images, and the streams and tables that are written.

// Options of the command line that several commands have.
pub mod arguments;
// What an attribution method is.
pub mod attribution;
// B-cos explanations in colour.
pub mod colour;
// Logits and maps of images, batch by batch.
pub mod explanations;
// The gradient that every method starts from.
pub mod gradients;
// `trainer grid-pointing-game`.
pub mod grid_pointing_game;
// From the logits of a softmax to the log-odds that tables hold.
pub(crate) mod log_odds;
// The attribution methods.
pub mod methods;
// The table of logits.
pub mod predictions;
// `trainer explain`.
pub mod stream;

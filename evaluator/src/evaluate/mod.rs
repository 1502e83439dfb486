//! `evaluator score`: scores attribution maps and logits of a split against a data folder's masks and labels, and
//! writes the tables of an evaluation (one checkpoint's maps of one split, scored).

mod adjusted;
mod bootstrap;
mod evaluated;
mod evaluation;
mod examples;
mod informative;
mod keys;
mod pairs;
mod predictions;
mod rows;
mod run_key;
mod scope;
mod score;
mod sums;
mod tables;
mod tallies;
mod tuned;
mod warnings;

pub use bootstrap::resample;
pub(crate) use evaluation::Evaluation;
pub(crate) use keys::{DATA_INPUTS_KEY, FORMULAS_KEY, PERMUTATIONS_KEY, PREDICTIONS_KEY, SEED_KEY};
pub use keys::{LABELS_KEY, TASK_KEY, TITLES_KEY};
pub(crate) use predictions::{Belonging, Rows, fingerprint};
pub use predictions::{Missing, PREDICTIONS};
pub use rows::Metric;
pub use run_key::RunKey;
pub use scope::Scope;
pub use score::{Report, ScoreOptions, score};
pub use tables::{EXAMPLES, GALLERY, IOU, METRICS, PAIRED, REPLICATES, SCORES};
pub(crate) use tables::{cell, f64s, i32s, texts_or_null};

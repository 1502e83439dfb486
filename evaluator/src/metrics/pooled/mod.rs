//! Metrics that are computed from many images or pairs together and are not means over pairs (an image and
//! a class on it): from logits, F1, mAP and accuracy; from pairs, how many of them have maps or masks for which EPG
//! and IoU say little.
//!
//! Each metric of logits is a file and a line in `list`; `map` is mean average precision.

mod accuracy;
mod accuracy_cells;
mod accuracy_top5;
mod f1;
mod f1_informative;
mod list;
mod map;
mod metric;
mod outcomes;
mod pair_counts;
mod ranking;

pub use f1::f1_micro;
pub use list::POOL_METRICS;
pub use metric::{Defined, PairedTest, Pool, PoolMetric};
pub use outcomes::{Counts, arg_max, decided, is_predicted, rank_of_label};
pub use pair_counts::{EMPTY_MASK, NO_POSITIVE, PAIR_COUNTS, PairCount, UNDER_CONSTANT};
pub use ranking::{Ranking, average_precision, mean_average_precision};

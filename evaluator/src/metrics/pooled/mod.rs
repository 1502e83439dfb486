//! Metrics of many images or pairs together that are no means over pairs.

mod accuracy;
mod accuracy_cells;
mod f1;
mod list;
mod map;
mod metric;
mod outcomes;
mod pair_counts;
mod ranking;

pub use f1::f1_micro;
pub use list::POOL_METRICS;
pub use metric::{PairedTest, Pool, PoolMetric, Task};
pub use outcomes::{Counts, arg_max};
pub use pair_counts::{EMPTY_MASK, NO_POSITIVE, PAIR_COUNTS, PairCount, UNDER_CONSTANT};
pub use ranking::{Ranking, average_precision, mean_average_precision};

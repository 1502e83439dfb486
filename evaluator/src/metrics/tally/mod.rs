//! Metrics of all maps of a set together (docs/SPEC.md B): of each pair (an image and a class on it) something is
//! counted at each threshold, the counts are summed over pairs, and the metric is computed from the sums. So a
//! threshold can be chosen for the whole set. Each metric is a file, and `list` lists them; `metric` says what a
//! metric is, `pixels` counts cells for several.

mod list;
mod max_box_acc;
mod max_box_acc_v2;
mod metric;
mod pixels;
mod px_ap;
mod segment_px_ap;

pub use list::TALLY_METRICS;
pub use metric::{Tally, TallyMetric};

//! Lists all metrics of all maps of a set together, in the order of the tables.

use super::metric::TallyMetric;

/// The metrics of the maps of a set. Each is computed where it is asked for (`evaluator score --metric`).
pub const TALLY_METRICS: &[TallyMetric] = &[
    super::max_box_acc::METRIC,
    super::max_box_acc_v2::METRIC,
    super::px_ap::METRIC,
    super::segment_px_ap::METRIC,
];

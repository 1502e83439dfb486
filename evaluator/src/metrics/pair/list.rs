//! Lists all metrics of a pair (an image and a class on it), in the order of the tables.

use super::metric::PairMetric;

/// The metrics of one map against one mask. Their values are rows of `scores.parquet`; the means of those that have
/// one are rows of `metrics.parquet`.
pub const PAIR_METRICS: &[PairMetric] = &[
    super::energy_inside::METRIC,
    super::energy_total::METRIC,
    super::segment_energy::METRIC,
    super::mask_area::METRIC,
    super::epg::METRIC,
    super::epg_defined::METRIC,
    super::epg_informative::METRIC,
    super::epg_other::METRIC,
    super::epg_background::METRIC,
    super::iou::METRIC,
    super::iou_tuned::METRIC,
    super::iou_tuned_informative::METRIC,
    super::segment_epg::METRIC,
    super::on_object::METRIC,
    super::on_object_informative::METRIC,
    super::pointing_game::METRIC,
    super::pointing_game_quantus::METRIC,
    super::relevance_mass::METRIC,
    super::relevance_mass_absolute::METRIC,
    super::segment_relevance_mass::METRIC,
    super::relevance_rank::METRIC,
    super::top_k_intersection::METRIC,
    super::auc::METRIC,
    super::average_precision::METRIC,
    super::gini::METRIC,
    super::entropy::METRIC,
];

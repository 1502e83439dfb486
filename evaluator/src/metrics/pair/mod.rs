//! The metrics of a pair (an image and a class on it), which compare its one map with its one mask. Each metric is a
//! file, and `list` lists them; a new one needs its file, its `mod` here and its line in `list`. `metric` says
//! what a metric is, `input` what it is computed from, `scored` what is kept of a pair.
//! `ranked` sorts the cells of a map, and `mass` sums them, for several metrics.

mod auc;
mod average_precision;
mod energy_inside;
mod energy_total;
mod entropy;
mod epg;
mod epg_background;
mod epg_defined;
mod epg_informative;
mod epg_other;
mod gini;
mod input;
mod iou;
mod iou_tuned;
mod iou_tuned_informative;
mod list;
mod mask_area;
mod mass;
mod metric;
mod on_object;
mod on_object_informative;
mod pointing_game;
mod pointing_game_quantus;
mod ranked;
mod relevance_mass;
mod relevance_mass_absolute;
mod relevance_rank;
mod score_pair;
mod scored;
mod segment_energy;
mod segment_epg;
mod segment_relevance_mass;
mod top_k_intersection;

pub use input::{Pair, Thresholds};
pub use list::PAIR_METRICS;
pub use metric::{Mean, Measured, Over, PairMetric, Threshold};
pub use score_pair::{PairScore, score_pair};
pub use scored::ScoredPair;

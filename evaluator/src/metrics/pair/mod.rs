//! The metrics of a pair (an image and a class on it), which compare its one map with its one mask. Each metric is a
//! file, and `list` lists them; a new one needs its file, its `mod` here and its line in `list`. `metric` says
//! what a metric is, `input` what it is computed from, `scored` what is kept of a pair.

mod energy_inside;
mod energy_total;
mod epg;
mod epg_background;
mod epg_defined;
mod epg_informative;
mod epg_other;
mod input;
mod iou;
mod iou_tuned;
mod list;
mod mask_area;
mod metric;
mod on_object;
mod pointing_game;
mod score_pair;
mod scored;
mod segment_energy;
mod segment_epg;

pub use input::{Pair, Thresholds};
pub use list::PAIR_METRICS;
pub use metric::{Mean, Measured, Over, PairMetric, Threshold};
pub use score_pair::{PairScore, score_pair};
pub use scored::ScoredPair;

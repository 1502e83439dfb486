//! Defines [`ScoredPair`], what an evaluation keeps of a pair (an image and a class on it) when its map is
//! no longer in memory.

use super::input::Pair;
use super::list::PAIR_METRICS;
use super::metric::Measured;
use crate::metrics::chosen::Chosen;
use crate::metrics::energy::Energy;
use crate::metrics::overlap::{Iou, N_THRESHOLDS};

/// A pair with the values of its metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// Index into `Dataset::images`.
    pub image: usize,
    /// The class explained, one of the image's labels.
    pub class_id: i32,
    /// The value of each of [`PAIR_METRICS`], in their order; absent where it was not chosen.
    pub values: [Measured; PAIR_METRICS.len()],
    /// Positive attribution inside the mask and in total.
    pub energy: Energy,
    /// Positive attribution inside the class's segmentation; `None` without one.
    pub segment_energy: Option<f64>,
    /// The number of grid cells inside the mask.
    pub mask_area: usize,
    /// Whether the constant of docs/SPEC.md B decides its IoU ([`Pair::is_iou_under_constant`]).
    pub is_iou_under_constant: bool,
    /// Overlap with the mask at each threshold of the sweep (0.00, 0.05, … 0.95).
    pub sweep: [Iou; N_THRESHOLDS],
}

impl ScoredPair {
    /// Measures the `chosen` metrics of `pair`, which is of the image with index `image` and the class `class_id`
    /// on it.
    pub fn new(image: usize, class_id: i32, pair: &Pair, chosen: &Chosen) -> Self {
        let value = |k: usize| match chosen.has_pair(k) {
            true => PAIR_METRICS[k].measure(pair),
            false => Measured::Absent,
        };
        Self {
            image,
            class_id,
            values: std::array::from_fn(value),
            energy: pair.energy,
            segment_energy: pair.segment_energy,
            mask_area: pair.mask_area,
            is_iou_under_constant: pair.is_iou_under_constant(),
            sweep: pair.sweep,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::pair::Thresholds;
    use data_prep::geometry::{Grid, Mask};

    #[test]
    fn cells_are_sorted_only_for_a_chosen_metric_that_asks() {
        let grid = Grid {
            height: 2,
            width: 2,
        };
        let mask = Mask::from_cells(vec![true, false, false, true], grid);
        let thresholds = Thresholds {
            fixed: 0.5,
            tuned: None,
        };
        let is_sorted = |names: &[&str]| {
            let map = [1.0, -2.0, 0.5, 0.0];
            let pair = Pair::new(&map, &mask, Some(&mask), thresholds, (2, 2));
            let choices = names.iter().map(|name| name.parse::<Chosen>().unwrap());
            let scored = ScoredPair::new(0, 0, &pair, &choices.collect::<Chosen>());
            for (k, metric) in PAIR_METRICS.iter().enumerate() {
                let is_asked = metric.standard || names.contains(&metric.name);
                let expected = match is_asked {
                    true => {
                        metric.measure(&Pair::new(&map, &mask, Some(&mask), thresholds, (2, 2)))
                    }
                    false => Measured::Absent,
                };
                assert_eq!(scored.values[k], expected, "{} {names:?}", metric.name);
            }
            pair.is_ranked()
        };
        assert!(!is_sorted(&[]));
        assert!(!is_sorted(&["relevance_mass", "entropy"]));
        assert!(is_sorted(&["auc"]));
    }
}

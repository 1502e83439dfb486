//! The metrics that are means over pairs: which of them a pair counts in, and as what.
//!
//! Means over a split, a group, a class or a size ([`crate::metrics`]), over resamples
//! ([`crate::bootstrap`]) and differences of two runs ([`crate::compare`]) all take a pair's values
//! from here.

use crate::metrics::energy::{Energy, share};
use crate::metrics::pair::PairDetail;

/// A mean over pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairMetric {
    /// EPG, undefined as 0 (the paper's, with its constant).
    Epg,
    /// IoU at the fixed threshold.
    Iou,
    /// IoU at the threshold chosen on validation.
    IouTuned,
    /// Share of positive attribution in the segmentation, undefined as 0; over pairs that have one.
    SegmentEpg,
    /// Attribution in the segmentation relative to that in the boxes, undefined as 0; over the same.
    OnObject,
}

impl PairMetric {
    /// All of them, in the order of [`PairValues`] and of the columns of `replicates.parquet`.
    pub const ALL: [Self; 5] = [
        Self::Epg,
        Self::Iou,
        Self::IouTuned,
        Self::SegmentEpg,
        Self::OnObject,
    ];

    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Epg => "epg",
            Self::Iou => "iou",
            Self::IouTuned => "iou_tuned",
            Self::SegmentEpg => "segment_epg",
            Self::OnObject => "on_object",
        }
    }
}

/// A pair's value in each of [`PairMetric::ALL`]; `None` where the pair is not counted.
pub type PairValues = [Option<f64>; PairMetric::ALL.len()];

/// The values of a scored pair; `tuned` is the chosen threshold's place in the sweep.
pub(crate) fn pair_values(pair: &PairDetail, tuned: Option<usize>) -> PairValues {
    values(
        pair.energy(),
        pair.segment_energy,
        pair.iou.value(),
        pair.iou_tuned(tuned),
    )
}

/// The values of a pair with this energy, this positive attribution in its class's segmentation
/// (`None` without one) and these IoUs (`None` where no threshold was chosen).
pub(crate) fn values(
    energy: Energy,
    segment_energy: Option<f64>,
    iou: f64,
    iou_tuned: Option<f64>,
) -> PairValues {
    let in_segment = |whole| Some(share(segment_energy?, whole).unwrap_or(0.0));
    [
        Some(energy.epg().unwrap_or(0.0)),
        Some(iou),
        iou_tuned,
        in_segment(energy.total),
        in_segment(energy.inside),
    ]
}

/// A sum of values and their number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    /// The sum.
    pub total: f64,
    /// How many.
    pub n: u64,
}

/// A sum for each of [`PairMetric::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairSums(pub [Sum; PairMetric::ALL.len()]);

impl PairSums {
    /// Adds a pair.
    pub fn add(&mut self, values: &PairValues) {
        for (sum, value) in self.0.iter_mut().zip(values) {
            if let Some(value) = value {
                sum.total += value;
                sum.n += 1;
            }
        }
    }

    /// Adds `weight` times other sums.
    pub fn add_weighted(&mut self, other: &Self, weight: u32) {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            sum.total += f64::from(weight) * other.total;
            sum.n += u64::from(weight) * other.n;
        }
    }

    /// The means; `None` where nothing was added.
    pub fn means(&self) -> PairValues {
        self.0
            .map(|sum| (sum.n > 0).then(|| sum.total / sum.n as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_counts_where_it_belongs() {
        let energy = |inside, total| Energy { inside, total };
        assert_eq!(
            values(energy(2.0, 8.0), Some(3.0), 0.5, Some(0.25)),
            [Some(0.25), Some(0.5), Some(0.25), Some(0.375), Some(1.5)]
        );
        // Nothing positive, nothing positive in the boxes, no segmentation.
        assert_eq!(
            values(energy(0.0, 0.0), Some(0.0), 0.0, None),
            [Some(0.0), Some(0.0), None, Some(0.0), Some(0.0)]
        );
        assert_eq!(
            values(energy(0.0, 8.0), Some(4.0), 0.0, None),
            [Some(0.0), Some(0.0), None, Some(0.5), Some(0.0)]
        );
        assert_eq!(
            values(energy(2.0, 8.0), None, 0.0, None),
            [Some(0.25), Some(0.0), None, None, None]
        );
    }
}

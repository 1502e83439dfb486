//! The metric `auc`: area under the ROC curve (Fawcett 2006, docs/SPEC.md B) of a map's cells, the signed value
//! being the score and the mask the truth. It is the probability that a cell inside the mask has a higher value
//! than one outside, where an equal value counts half. It is undefined where no cell is inside or none is
//! outside, and the mean leaves such pairs out.
//!
//! It is scikit-learn's `roc_auc_score`, and Quantus' `AUC`, which calls the same code.

use super::metric::{Mean, Over, PairMetric, Threshold};
use super::ranked::Ranked;

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "auc",
    title: "AUC of cells",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| auc(pair.ranked(), pair.mask_area, pair.map.len()),
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: false,
};

/// Returns the AUC of `cells` ranked cells, `area` of them inside the mask.
fn auc(ranked: &Ranked, area: usize, cells: usize) -> Option<f64> {
    // Twice the number of (inside, outside) pairs of cells in which outside is higher.
    let (mut twice, mut inside_above) = (0_u64, 0_u32);
    for tie in ranked.ties() {
        let outside_above = tie.above - inside_above;
        let outside = tie.cells - tie.inside;
        twice += u64::from(tie.inside) * (2 * u64::from(outside_above) + u64::from(outside));
        inside_above += tie.inside;
    }
    let pairs = area as u64 * (cells - area) as u64;
    (pairs > 0).then(|| (2 * pairs - twice) as f64 / (2 * pairs) as f64)
}

//! Tests claim R2: compares the height of the L1 loss's front with that of every other loss of the paper
//! (Energy, PPCE, RRR*), in IoU at the same F1, for maps of the final layer. Losses that the paper does
//! not have are no rivals: it says nothing about them.

use crate::claims::claim::{Claim, Trials};
use crate::claims::fronts::best_front;
use crate::claims::runs::{iou, some};
use crate::model::evidence::Evidence;
use crate::model::loss::{ENERGY, L1, PPCE, RRR};
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R2",
    statement: "L1 has the best trade-off of IoU and F1",
    test: "height of L1's front over each other loss's of the paper, IoU against F1, final layer",
    place: "Fig. 6",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each other loss of the paper in each setting (runs trained and scored alike)
/// of the final layer. `iou` chooses between IoU at the threshold tuned on validation and at the fixed one.
fn rule(evidence: &Evidence) -> Trials {
    let losses = (L1, &[ENERGY, PPCE, RRR][..]);
    let trials = best_front(evidence, losses, iou, |setting| setting.layer == "final");
    some(
        trials,
        "runs of L1 and of another loss at the final layer, trained alike, with their baseline",
    )
}

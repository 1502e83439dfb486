//! Tests claim R1: compares the height of the Energy loss's front with that of every other loss of the paper
//! (L1, PPCE, RRR*), in EPG at the same F1, for each network, attribution method and layer. Losses that
//! the paper does not have are no rivals: it says nothing about them.

use crate::claims::claim::{Claim, Trials};
use crate::claims::fronts::best_front;
use crate::claims::runs::some;
use crate::model::evidence::Evidence;
use crate::model::loss::{ENERGY, L1, PPCE, RRR};
use crate::model::measure::EPG;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R1",
    statement: "Energy has the best trade-off of EPG and F1",
    test: "height of Energy's front over each other loss's of the paper, EPG against F1",
    place: "Fig. 5 and 7",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each other loss of the paper in each setting (runs trained and scored alike).
fn rule(evidence: &Evidence) -> Trials {
    let losses = (ENERGY, &[L1, PPCE, RRR][..]);
    let trials = best_front(evidence, losses, |_| EPG, |_| true);
    some(
        trials,
        "runs of Energy and of another loss, trained alike, with their baseline",
    )
}

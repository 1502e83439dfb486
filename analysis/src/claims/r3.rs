//! Tests claim R3: compares the height of the Energy loss's front with that of L1, in on-object EPG at the
//! same F1. On-object EPG is the positive attribution on the object's segmentation, divided by that
//! in the boxes.

use crate::claims::claim::{Claim, Trials};
use crate::claims::fronts::best_front;
use crate::claims::runs::some;
use crate::model::evidence::Evidence;
use crate::model::loss::{ENERGY, L1};
use crate::model::measure::ON_OBJECT;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R3",
    statement: "Energy concentrates on the object inside the box",
    test: "height of Energy's front over L1's, on-object EPG against F1",
    place: "§5.1, Fig. 9",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each setting (runs trained and scored alike).
fn rule(evidence: &Evidence) -> Trials {
    let losses = (ENERGY, &[L1][..]);
    let trials = best_front(evidence, losses, |_| ON_OBJECT, |_| true);
    some(
        trials,
        "runs of Energy and L1 scored on images with segmentations",
    )
}

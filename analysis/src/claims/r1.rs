//! R1. Energy's front is compared with every other loss's, EPG against F1, for each network, method and
//! layer.

use crate::claims::claim::{Claim, Reach, Trials};
use crate::claims::fronts::best_front;
use crate::claims::runs::some;
use crate::model::evidence::Evidence;
use crate::model::loss::{ENERGY, L1, PPCE, RRR};
use crate::model::measure::EPG;

pub(super) const CLAIM: Claim = Claim {
    name: "R1",
    statement: "Energy has the best trade-off of EPG and F1",
    test: "height of Energy's front over every other loss's, EPG against F1",
    place: "Fig. 5 and 7",
    reach: Reach::Everywhere,
    rule,
};

fn rule(evidence: &Evidence) -> Trials {
    let losses = (ENERGY, &[L1, PPCE, RRR][..]);
    let trials = best_front(evidence, losses, |_| EPG, |_| true);
    some(
        trials,
        "runs of Energy and of another loss, trained alike, with their baseline",
    )
}

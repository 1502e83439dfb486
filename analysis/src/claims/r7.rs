//! Tests claim R7 for the losses Energy and L1: compares guidance by few annotated images (at most 10 %) with
//! guidance by all, each by the checkpoint that validation chose. Where all annotations clearly raise EPG over
//! the baseline's, the few must keep more than half of that gain.

use crate::claims::claim::{Claim, Trials};
use crate::claims::kept::keeps_half;
use crate::claims::runs::{conventional, guided_here, is_few, of_loss, some};
use crate::model::evidence::Evidence;
use crate::model::loss::{ENERGY, L1};
use crate::model::run_sets::RunSet;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R7",
    statement: "1 to 10 % of the boxes suffice",
    test: "EPG with few boxes over the baseline's plus half of the gain with all",
    place: "§5.4, Fig. 12",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each configuration with few annotations and each one of the same loss with all.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence) {
        let run_sets = guided_here(setting);
        for loss in [ENERGY, L1] {
            let is_limited = |run_set: &&RunSet| run_set.is_of(loss) && is_few(run_set.variant());
            for few in run_sets.iter().filter(is_limited) {
                let full = of_loss(&run_sets, loss);
                trials.extend(full.filter_map(|full| keeps_half(evidence, setting, few, full)));
            }
        }
    }
    some(
        trials,
        "runs with at most 10 % annotated beside runs with all, whose EPG rises",
    )
}

//! Tests claim R11: compares L1, by the paper the best loss for IoU, guided by few annotated images (at most
//! 10 %) with the baseline. IoU of the checkpoint that validation chose must rise.

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::gain;
use crate::claims::runs::{conventional, counted, guided_here, iou, is_few, some};
use crate::model::evidence::Evidence;
use crate::model::loss::L1;
use crate::model::run_sets::RunSet;
use crate::model::subject::Part;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R11",
    statement: "A few boxes raise IoU as well",
    test: "IoU of L1's chosen checkpoint with few boxes over the baseline's",
    place: "§5.4",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each L1 configuration with few annotations.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence) {
        let measure = counted(evidence, setting, iou(setting));
        let is_limited = |run_set: &&RunSet| run_set.is_of(L1) && is_few(run_set.variant());
        for run_set in guided_here(setting).iter().filter(is_limited) {
            let effect = gain(evidence, setting, run_set, (Part::All, measure.name()));
            let compared = format!("{}, {measure} over the baseline's", run_set.label());
            trials.extend(effect.map(|effect| Trial::new(setting.title(), compared, effect)));
        }
    }
    some(
        trials,
        "runs of L1 with at most 10 % annotated, with their baseline",
    )
}

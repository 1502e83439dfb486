//! Tests claim R5: compares the checkpoint that validation chooses of the Energy runs with the baseline, for each
//! network at the final layer. EPG must rise, and F1 must not fall by a point (non-inferiority).

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::gain;
use crate::claims::runs::{conventional, energy, some};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, F1};
use crate::model::subject::Part;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R5",
    statement: "Every network can be guided at the final layer",
    test: "EPG of the chosen checkpoint over the baseline's, with F1 not a point below",
    place: "Fig. 5",
    reach: Reach::Everywhere,
    rule,
};

/// The most F1 that may be lost: 1 point.
const MARGIN: f64 = 0.01;

/// Makes a trial (comparison) for each Energy configuration in each setting (runs trained and scored alike) of the
/// final layer.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "final") {
        for run_set in energy(setting) {
            let gain = |metric| gain(evidence, setting, &run_set, (Part::All, metric));
            if let (Some(epg), Some(f1)) = (gain(EPG), gain(F1)) {
                let compared = format!(
                    "{}, EPG over the baseline's, F1 {}",
                    run_set.label(),
                    crate::format::points(f1.mean)
                );
                trials.push(Trial::new(setting.title(), compared, epg).and(f1, -MARGIN));
            }
        }
    }
    some(
        trials,
        "Energy runs at the final layer, with their baseline",
    )
}

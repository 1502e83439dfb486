//! Tests claim R5: compares one checkpoint of the Energy runs with the baseline, for each network at the
//! final layer. It is the checkpoint with the highest validation EPG among those that lose at most one
//! percentage point of the baseline's validation F1 (docs/SPEC.md F). EPG must rise. F1 may fall, but the
//! interval of its change must not lie below −1 point as a whole.

use crate::claims::claim::{Claim, Outcome, Reach, Trials};
use crate::claims::compare::trial;
use crate::claims::runs::{chosen_energy, conventional, gain, some};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, F1};
use crate::model::subject::Part;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R5",
    statement: "Every network can be guided at the final layer",
    test: "EPG of the chosen checkpoint over the baseline's, with F1 not more than a point below",
    place: "Fig. 5",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each setting (runs trained and scored alike) of the final layer.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "final") {
        let Some(row) = chosen_energy(setting) else {
            continue;
        };
        let cell = |metric| row.cell(Part::All, metric).and_then(gain);
        let (Some(epg), Some((_, f1))) = (cell(EPG), cell(F1)) else {
            continue;
        };
        let compared = format!("{}, EPG over the baseline's", row.label);
        let mut trial = trial(setting.title(), compared, epg);
        if f1.is_some_and(|interval| interval.high < -0.01) {
            trial.outcome = Outcome::Against;
            trial.compared.push_str("; F1 falls by more than a point");
        }
        trials.push(trial);
    }
    some(
        trials,
        "Energy runs at the final layer, with their baseline",
    )
}

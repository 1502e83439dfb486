//! R9. For guidance at a deeper layer, the input maps of the chosen checkpoint are compared with the
//! baseline's, and the time of an epoch with that of guidance at the input: EPG must rise, and the
//! upper quartile of the times must be below the lower quartile of the times at the input.

use crate::claims::claim::{Claim, Outcome, Reach, Trial, Trials};
use crate::claims::compare::trial;
use crate::claims::runs::{conventional, gain, some};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::{RunSet, deep, seconds};
use crate::model::setting::Setting;
use crate::model::subject::Part;

pub(super) const CLAIM: Claim = Claim {
    name: "R9",
    statement: "Guidance at deeper layers helps input maps and is faster",
    test: "EPG of input maps over the baseline's; seconds an epoch",
    place: "§5.4, Fig. 8",
    reach: Reach::Everywhere,
    rule,
};

fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "input") {
        let run_sets = deep(setting);
        let is_input = |run_set: &&RunSet| run_set.configuration.layer.spelling() == "input";
        for guided in run_sets.iter().filter(|run_set| !is_input(run_set)) {
            let is_rival = |run_set: &&RunSet| is_input(run_set) && run_set.loss() == guided.loss();
            for input in run_sets.iter().filter(is_rival) {
                trials.extend(deeper(evidence, setting, guided, input));
            }
        }
    }
    some(
        trials,
        "runs guided at deeper layers, scored at the input, beside runs guided there",
    )
}

/// Whether guidance at a deeper layer raises EPG of the input's maps and takes less time than at the
/// input.
fn deeper(
    evidence: &Evidence,
    setting: &Setting,
    guided: &RunSet,
    input: &RunSet,
) -> Option<Trial> {
    let epg = guided.chosen()?.cell(Part::All, EPG);
    let difference = epg.and_then(gain)?;
    let time =
        |run_set: &RunSet| seconds(evidence.results, run_set.rows.iter().map(|row| &row.run));
    let (slow, fast) = (time(input)?, time(guided)?);
    let compared = format!(
        "{} at {}, EPG of input maps over the baseline's; {:.2} times as fast",
        guided.label(),
        guided.configuration.layer,
        slow[1] / fast[1]
    );
    let mut trial = trial(setting.title(), compared, difference);
    if fast[0] > slow[2] {
        trial.outcome = Outcome::Against;
    } else if fast[2] >= slow[0] && trial.outcome == Outcome::For {
        trial.outcome = Outcome::Open;
    }
    Some(trial)
}

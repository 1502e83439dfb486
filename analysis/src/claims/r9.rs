//! Tests claim R9 for runs that were guided through maps of a deeper layer than the input. Maps of the input by
//! the checkpoint that validation chose are compared with the baseline's: EPG must rise. The seconds that their
//! epochs take are compared with those of runs guided at the input: the upper quartile must be below the lower
//! quartile of the latter.

use crate::claims::claim::{Claim, Outcome, Reach, Trial, Trials};
use crate::claims::compare::trial;
use crate::claims::runs::{conventional, gain, some};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::{RunSet, deep, seconds};
use crate::model::setting::Setting;
use crate::model::subject::Part;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R9",
    statement: "Guidance at deeper layers helps input maps and is faster",
    test: "EPG of input maps over the baseline's; seconds an epoch",
    place: "§5.4, Fig. 8",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each configuration guided at a deeper layer and each one of the same loss
/// guided at the input.
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

/// Makes the trial that `guided`, at a deeper layer, raises EPG of the input's maps and takes less time than
/// `input`, the same loss at the input. The trial's interval is that of EPG. The times can change its outcome:
/// clearly slower is against the claim, and not clearly faster leaves a trial open that EPG alone would decide
/// for it.
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
    // The three quartiles of the seconds an epoch takes, guided at the input and at the deeper layer.
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

//! Tests claim R9 for runs that Energy guided through maps of a deeper layer than the input. Maps of the input by the
//! checkpoint that validation chooses are compared with the baseline's: EPG must rise. And a training step must take
//! less time than one guided at the input; both were measured in turn (`trainer step-times`), as the seconds in
//! `epochs.parquet` are of runs that shared cores with others.

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::gain;
use crate::claims::runs::{conventional, some};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::{RunSet, deep, times_as_long};
use crate::model::setting::Setting;
use crate::model::subject::Part;
use crate::statistics::effect::Effect;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R9",
    statement: "Guidance at deeper layers helps input maps and is faster",
    test: "EPG of input maps over the baseline's; seconds a step, measured in turn with guidance at the input",
    place: "§5.4, Fig. 8",
    reach: Reach::Everywhere,
    rule,
};

/// Makes a trial (comparison) for each Energy configuration guided at a deeper layer of which a step was timed in turn
/// with the same guidance at the input.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    // Configurations without such times.
    let mut untimed = 0;
    for setting in conventional(evidence).filter(|setting| setting.layer == "input") {
        let run_sets = deep(setting);
        let is_input = |run_set: &&RunSet| run_set.configuration.layer.spelling() == "input";
        let deeper = run_sets.iter().filter(|run_set| !is_input(run_set));
        for guided in deeper.filter(|run_set| run_set.is_of("energy")) {
            let input = run_sets
                .iter()
                .filter(is_input)
                .find(|input| input.loss_label() == guided.loss_label());
            let ratios = input.map(|input| times_as_long(evidence.results, input, guided));
            match ratios.filter(|ratios| !ratios.is_empty()) {
                Some(ratios) => trials.extend(trial(evidence, setting, guided, &ratios)),
                None => untimed += 1,
            }
        }
    }
    match untimed {
        0 => some(trials, "runs guided at deeper layers, scored at the input"),
        _ => some(
            trials,
            "times of guidance at a deeper layer and at the input, measured in turn",
        ),
    }
}

/// Makes the trial of `guided`; `ratios` are how many times as long a step guided at the input takes. `None` where EPG
/// cannot be compared.
fn trial(evidence: &Evidence, setting: &Setting, guided: &RunSet, ratios: &[f64]) -> Option<Trial> {
    let epg = gain(evidence, setting, guided, (Part::All, EPG))?;
    // Ratios multiply, so that their logarithms are compared with 0.
    let logarithms: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let faster = Effect::repeated(&logarithms)?;
    let compared = format!(
        "{} at {}, EPG of input maps over the baseline's; a step {:.2} times as fast",
        guided.label(),
        guided.configuration.layer,
        faster.mean.exp()
    );
    Some(Trial::new(setting.title(), compared, epg).and(faster, 0.0))
}

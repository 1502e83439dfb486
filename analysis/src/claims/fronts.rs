//! Compares the Pareto front of one loss with those of others, for the claims R1 to R3, which say that one loss
//! has the best trade-off of a metric and F1.

use crate::claims::claim::Trial;
use crate::claims::compare::{fronts, trial};
use crate::claims::runs::{conventional, of_loss};
use crate::model::evidence::Evidence;
use crate::model::run_sets::plain;
use crate::model::setting::Setting;

/// Makes a trial (comparison) for each of `rivals` in each setting (runs trained and scored alike) for which
/// `suit` is true: that the front of `loss` lies above the rival's, in the plane of F1 and the metric that
/// `metric` names for the setting. Fronts that [`fronts`] cannot compare make none.
pub(super) fn best_front(
    evidence: &Evidence,
    (loss, rivals): (&str, &[&str]),
    metric: fn(&Setting) -> &'static str,
    suit: fn(&Setting) -> bool,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| suit(setting)) {
        let run_sets = plain(setting);
        let measure = evidence.measure(metric(setting));
        for ours in of_loss(&run_sets, loss) {
            for theirs in rivals.iter().flat_map(|rival| of_loss(&run_sets, rival)) {
                if let Some(difference) = fronts(evidence, setting, measure.name(), [ours, theirs])
                {
                    let compared = format!("{} over {}, {measure}", ours.label(), theirs.label());
                    trials.push(trial(setting.title(), compared, difference));
                }
            }
        }
    }
    trials
}

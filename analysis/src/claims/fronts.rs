//! Compares the height of one loss's front with those of others, for the claims R1 to R3, which say that one loss
//! has the best trade-off of a metric and F1.

use crate::claims::claim::Trial;
use crate::claims::compare::{Side, compare, difference};
use crate::claims::runs::{conventional, counted, of_loss};
use crate::model::evidence::Evidence;
use crate::model::run_sets::plain;
use crate::model::setting::Setting;
use crate::model::subject::Part;

/// Makes a trial (comparison) for each of `rivals` in each setting (runs trained and scored alike) for which
/// `suit` is true: that the front of `loss` is higher than the rival's, in the metric that `metric` names for the
/// setting. Fronts that cannot be compared make none.
pub(super) fn best_front(
    evidence: &Evidence,
    (loss, rivals): (&str, &[&str]),
    metric: fn(&Setting) -> &'static str,
    suit: fn(&Setting) -> bool,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| suit(setting)) {
        let run_sets = plain(setting);
        let measure = counted(evidence, setting, metric(setting));
        for ours in of_loss(&run_sets, loss) {
            for theirs in rivals.iter().flat_map(|rival| of_loss(&run_sets, rival)) {
                let sides = [ours, theirs].map(|run_set| Side::front(setting, &run_set.rows));
                let [a, b] = &sides;
                let metric = (Part::All, measure.name());
                if let Some(effect) = compare(evidence, metric, [a, b], difference) {
                    let compared = format!("{} over {}, {measure}", ours.label(), theirs.label());
                    trials.push(Trial::new(setting.title(), compared, effect));
                }
            }
        }
    }
    trials
}

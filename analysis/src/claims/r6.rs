//! Tests claim R6: compares the guided checkpoint with the highest validation F1 with the baseline, for each
//! configuration and λ whose baselines had converged (their best epoch was not their last). In at least one of
//! these comparisons both F1 and EPG must rise. No λ is chosen, so that both sides choose an epoch alone.

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::{Side, compare, difference};
use crate::claims::runs::{conventional, some};
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, F1};
use crate::model::run_sets::plain;
use crate::model::seeds::repeats;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R6",
    statement: "Guidance can raise F1 for some networks",
    test: "F1 of the guided checkpoint with the best validation F1 over the baseline's, with EPG higher",
    place: "§5.3, Fig. 5 and 6",
    reach: Reach::Somewhere,
    rule,
};

/// Makes a trial (comparison) for each loss and λ in each setting (runs trained and scored alike).
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    // Guided runs left out because their baseline's best epoch was its last.
    let mut unconverged = 0;
    for setting in conventional(evidence) {
        let run_sets = plain(setting);
        let rows = run_sets
            .iter()
            .filter(|run_set| run_set.variant().is_plain())
            .flat_map(|run_set| run_set.rows.iter().copied())
            .filter(|row| row.baseline.is_some());
        let (converged, rest): (Vec<&Row>, Vec<&Row>) =
            rows.partition(|row| has_converged(evidence, setting, row));
        unconverged += rest.len();
        for rows in repeats(converged) {
            let sides = [
                Side::highest_f1(setting, &rows),
                Side::baseline(setting, &rows),
            ];
            let rise = |metric| {
                let sides = sides.each_ref();
                compare(evidence, (Part::All, metric), sides, difference)
            };
            if let (Some(f1), Some(epg)) = (rise(F1), rise(EPG)) {
                let label = rows[0].run.label(&setting.attribution, &setting.layer);
                let compared = format!(
                    "{label}, F1 over the baseline's, EPG {}",
                    crate::format::points(epg.mean)
                );
                trials.push(Trial::new(setting.title(), compared, f1).and(epg, 0.0));
            }
        }
    }
    match unconverged {
        0 => some(trials, "guided runs with their baseline"),
        n => some(
            trials,
            &format!(
                "a baseline that had converged: of {n} guided runs its best epoch was the last"
            ),
        ),
    }
}

/// Whether the best epoch of a run's baseline was not its last.
fn has_converged(evidence: &Evidence, setting: &Setting, row: &Row) -> bool {
    let baseline = setting.baseline_of(row);
    baseline.is_some_and(|baseline| evidence.results.has_converged(baseline))
}

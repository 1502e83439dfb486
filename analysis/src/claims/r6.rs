//! Tests claim R6: compares the guided checkpoint with the highest validation F1 with the baseline, for each
//! network, method and layer whose baseline had converged (its best epoch was not its last). In at least
//! one of these comparisons both F1 and EPG must rise. As one of several is enough, the intervals are made
//! wider: the 2.5 % left out at each end are divided by the number of comparisons (Bonferroni).

use crate::claims::claim::{Claim, Outcome, Reach, Trials};
use crate::claims::compare::{replicates, trial};
use crate::claims::runs::{conventional, some};
use crate::model::evidence::Evidence;
use crate::model::intervals::{self, TAIL};
use crate::model::measure::{EPG, F1};
use crate::model::run_sets::plain;
use crate::model::setting::{Checkpoint, Row, Setting};
use crate::model::subject::Part;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R6",
    statement: "Guidance can raise F1 for some networks",
    test: "F1 of the guided checkpoint with the best validation F1 over the baseline's, with EPG higher",
    place: "§5.3, Fig. 5 and 6",
    reach: Reach::Somewhere,
    rule,
};

/// Makes a trial (comparison) for each setting (runs trained and scored alike) with a converged baseline.
fn rule(evidence: &Evidence) -> Trials {
    // Setting, guided run, its baseline, and the guided run's checkpoint with the highest validation F1.
    let mut candidates: Vec<(&Setting, &Row, &Row, &Checkpoint)> = Vec::new();
    // Settings left out because their baseline's best epoch was its last.
    let mut unconverged = 0;
    for setting in conventional(evidence) {
        let run_sets = plain(setting);
        let rows = run_sets
            .iter()
            .filter(|run_set| run_set.variant().is_plain());
        let checkpoints = rows
            .flat_map(|run_set| run_set.rows.iter().copied())
            .flat_map(|row| {
                row.checkpoints
                    .iter()
                    .map(move |checkpoint| (row, checkpoint))
            });
        let val_f1 = |row: &Row, checkpoint: &Checkpoint| {
            let epochs = evidence.results.epochs(&row.run.run_id);
            let epoch = epochs.iter().find(|epoch| epoch.epoch == checkpoint.epoch);
            epoch.map_or(f64::NEG_INFINITY, |epoch| epoch.val_f1)
        };
        let best = checkpoints.max_by(|a, b| val_f1(a.0, a.1).total_cmp(&val_f1(b.0, b.1)));
        let Some((row, checkpoint)) = best else {
            continue;
        };
        let Some(baseline) = setting.baseline_of(row) else {
            continue;
        };
        let last = evidence.results.epochs(&baseline.run.run_id).last();
        if last.is_some_and(|last| last.epoch == baseline.selection.epoch) {
            unconverged += 1;
            continue;
        }
        candidates.push((setting, row, baseline, checkpoint));
    }
    let tail = TAIL / candidates.len().max(1) as f64;
    let mut trials = Vec::new();
    for (setting, row, baseline, checkpoint) in candidates {
        // The interval of a metric's difference to the baseline.
        let difference = |metric: &str| {
            let subject = setting.subject(&row.run, checkpoint.epoch, Part::All);
            let own = evidence.results.resampled(&subject, metric)?;
            let before = replicates(evidence, setting, baseline, metric)?;
            intervals::combined(&[(1.0, own), (-1.0, before)], tail)
        };
        let f1 = difference(F1);
        let cell = checkpoint.cell(Part::All, F1);
        let value = cell.and_then(|cell| cell.difference).unwrap_or(f64::NAN);
        let compared = format!(
            "{}, epoch {}, F1 over the baseline's",
            row.label, checkpoint.epoch
        );
        let mut trial = trial(setting.title(), compared, (value, f1));
        if trial.outcome == Outcome::For && Outcome::of(difference(EPG)) != Outcome::For {
            trial.outcome = Outcome::Open;
            trial.compared.push_str("; EPG does not clearly rise");
        }
        trials.push(trial);
    }
    match unconverged {
        0 => some(trials, "guided runs with their baseline"),
        n => some(
            trials,
            &format!("a baseline that had converged: of {n} the best epoch was the last one"),
        ),
    }
}

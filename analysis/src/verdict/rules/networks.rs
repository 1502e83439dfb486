//! R4, R5 and R6: what guidance does to different networks.

use std::collections::BTreeSet;

use super::{Trials, chosen_energy, conventional, gain, some};
use crate::comparison::{Checkpoint, Row, Setting};
use crate::evidence::Evidence;
use crate::groups::plain;
use crate::intervals::{self, TAIL};
use crate::load::Part;
use crate::names::{Measure, family};
use crate::run::Run;
use crate::training::{self, Training};
use crate::verdict::Outcome;
use crate::verdict::compare::{chosen, replicates, trial};

pub(super) fn r4(evidence: &Evidence) -> Trials {
    let at_input: Vec<&Setting> = conventional(evidence)
        .filter(|setting| setting.layer == "input")
        .collect();
    let mut trials = Vec::new();
    let is_rival = |ours: &Setting, theirs: &Setting| {
        let (kind, architecture) = family(&theirs.backbone);
        kind != "bcos"
            && architecture == family(&ours.backbone).1
            && (&theirs.dataset, &theirs.data) == (&ours.dataset, &ours.data)
            && theirs.precision == ours.precision
    };
    let rows: [fn(&Setting) -> Option<&Row>; 2] = [Setting::baseline, chosen_energy];
    for (when, row) in ["before guidance", "after guidance"].into_iter().zip(rows) {
        let mut seen: BTreeSet<[&str; 2]> = BTreeSet::new();
        for ours in at_input
            .iter()
            .filter(|setting| family(&setting.backbone).0 == "bcos")
        {
            let Some(our_row) = row(ours) else { continue };
            let rivals: Vec<(&Setting, &Row)> = at_input
                .iter()
                .filter(|theirs| is_rival(ours, theirs))
                .filter_map(|theirs| Some((*theirs, row(theirs)?)))
                .collect();
            for (theirs, their_row, words) in most_alike(evidence, our_row, &rivals) {
                // A baseline stands in every setting of its guided runs.
                if !seen.insert([&our_row.run.run_id, &their_row.run.run_id]) {
                    continue;
                }
                let rows = [(*ours, our_row), (theirs, their_row)];
                if let Some(difference) = chosen(evidence, Measure::Epg, rows, |[a, b]| a - b) {
                    let names = format!("{} over {}", ours.backbone, theirs.backbone);
                    let compared = format!("{names}, {when}{words}");
                    trials.push(trial(ours.title(), compared, difference));
                }
            }
        }
    }
    some(
        trials,
        "a B-cos network and another of its architecture, scored at the input",
    )
}

/// Of `rivals`, for each network those whose runs were trained most like `row`'s, and words for what
/// differs. Where weights come from is each network's own.
fn most_alike<'a>(
    evidence: &Evidence,
    row: &Row,
    rivals: &[(&'a Setting, &'a Row)],
) -> Vec<(&'a Setting, &'a Row, String)> {
    let runs = &evidence.results.runs;
    let training = |run: &Run| Training::of(run, runs).without_weights();
    let own = training(&row.run);
    let all: Vec<(&Setting, &Row, [Vec<String>; 2])> = rivals
        .iter()
        .map(|(setting, rival)| {
            let theirs = training(&rival.run);
            let [a, b] = [&own, &theirs];
            let words = training::differences(&[a, b]);
            (*setting, *rival, [words[0].clone(), words[1].clone()])
        })
        .collect();
    let n = |words: &[Vec<String>; 2]| words[0].len() + words[1].len();
    let is_closest = |(setting, _, words): &&(&Setting, &Row, [Vec<String>; 2])| {
        let same = all
            .iter()
            .filter(|other| other.0.backbone == setting.backbone);
        same.map(|other| n(&other.2)).min() == Some(n(words))
    };
    let told = |(setting, rival, words): &(&'a Setting, &'a Row, [Vec<String>; 2])| {
        let words = match n(words) {
            0 => String::new(),
            _ => format!(" ({} against {})", words[0].join(", "), words[1].join(", ")),
        };
        (*setting, *rival, words)
    };
    all.iter().filter(is_closest).map(told).collect()
}

pub(super) fn r5(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "final") {
        let Some(row) = chosen_energy(setting) else {
            continue;
        };
        let cell = |measure| row.cell(Part::All, measure).and_then(gain);
        let (Some(epg), Some((_, f1))) = (cell(Measure::Epg), cell(Measure::F1)) else {
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

pub(super) fn r6(evidence: &Evidence) -> Trials {
    let mut candidates: Vec<(&Setting, &Row, &Row, &Checkpoint)> = Vec::new();
    let mut unconverged = 0;
    for setting in conventional(evidence) {
        let groups = plain(setting);
        let rows = groups.iter().filter(|group| group.variant().is_plain());
        let checkpoints = rows
            .flat_map(|group| group.rows.iter().copied())
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
        let difference = |measure: Measure| {
            let subject = setting.subject(&row.run, checkpoint.epoch, Part::All);
            let own = evidence.results.replicates.get(&subject)?.get(&measure)?;
            let before = replicates(evidence, setting, baseline, measure)?;
            intervals::combined(&[(1.0, own), (-1.0, before)], tail)
        };
        let f1 = difference(Measure::F1);
        let cell = checkpoint.metric(Part::All, Measure::F1.spelling());
        let value = cell.and_then(|cell| cell.difference).unwrap_or(f64::NAN);
        let compared = format!(
            "{}, epoch {}, F1 over the baseline's",
            row.label, checkpoint.epoch
        );
        let mut trial = trial(setting.title(), compared, (value, f1));
        if trial.outcome == Outcome::For && Outcome::of(difference(Measure::Epg)) != Outcome::For {
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

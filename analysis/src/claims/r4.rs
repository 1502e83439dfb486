//! Tests claim R4: compares the EPG of a B-cos network's maps at the input with that of the plain and the
//! X-DNN network of the same architecture. Before guidance, baselines are compared with each other; after
//! guidance, the checkpoints that validation chose among each network's Energy runs.

use crate::claims::claim::{Claim, Reach, Trials};
use crate::claims::compare::{chosen, trial};
use crate::claims::runs::{chosen_energy, conventional, some};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::names::family;
use crate::model::run::Run;
use crate::model::setting::{Row, Setting};
use crate::model::training::{self, Training};
use std::collections::BTreeSet;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R4",
    statement: "B-cos localizes best at the input, before and after guidance",
    test: "EPG of B-cos over other networks of its architecture, input layer",
    place: "§5.2, Fig. 5",
    reach: Reach::Everywhere,
    rule,
};

/// Makes two trials (comparisons), before and after guidance, for each B-cos network and each of its rivals.
fn rule(evidence: &Evidence) -> Trials {
    let at_input: Vec<&Setting> = conventional(evidence)
        .filter(|setting| setting.layer == "input")
        .collect();
    let mut trials = Vec::new();
    // Another network of the same architecture, on the same data and with maps in the same precision.
    let is_rival = |ours: &Setting, theirs: &Setting| {
        let (kind, architecture) = family(&theirs.backbone);
        kind != "bcos"
            && architecture == family(&ours.backbone).1
            && (&theirs.dataset, &theirs.data) == (&ours.dataset, &ours.data)
            && theirs.precision == ours.precision
    };
    let rows: [fn(&Setting) -> Option<&Row>; 2] = [Setting::baseline, chosen_energy];
    for (when, row) in ["before guidance", "after guidance"].into_iter().zip(rows) {
        // Run ids of B-cos and rival that were compared already.
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
                // A baseline is in every setting of its guided runs, so the same two can meet again.
                if !seen.insert([&our_row.run.run_id, &their_row.run.run_id]) {
                    continue;
                }
                let rows = [(*ours, our_row), (theirs, their_row)];
                if let Some(difference) = chosen(evidence, EPG, rows, |[a, b]| a - b) {
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

/// Returns, of each network among `rivals`, the runs that were trained most like `row`'s run, each with words
/// for what still differs. The weights that a run starts from are not compared, because each network has
/// weights of its own.
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
    // The number of differences.
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

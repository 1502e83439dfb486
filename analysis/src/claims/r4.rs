//! Tests claim R4: compares the EPG of a B-cos network's maps at the input with that of the plain and the
//! X-DNN network of the same architecture. Before guidance, baselines are compared with each other; after
//! guidance, the checkpoints that validation chose among each network's Energy runs.

use std::collections::BTreeSet;

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::{Side, compare, difference};
use crate::claims::runs::{conventional, energy, some};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::names::family;
use crate::model::run::Run;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::model::training::{self, Training};
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R4",
    statement: "B-cos localizes best at the input, before and after guidance",
    test: "EPG of B-cos over other networks of its architecture, input layer",
    place: "§5.2, Fig. 5",
    reach: Reach::Everywhere,
    rule,
};

/// Finds the runs of a setting, those that differ in the seed alone together.
type Found = fn(&Setting) -> Vec<Vec<&Row>>;

/// Runs that differ in λ and seed alone, in their setting.
type Runs<'a> = (&'a Setting, Vec<&'a Row>);

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
    let before: Make = |setting, rows| Side::baseline(setting, rows);
    let after: Make = |setting, rows| Side::chosen(setting, rows);
    let kinds: [(&str, Found, Make); 2] = [
        ("before guidance", baselines, before),
        ("after guidance", guided, after),
    ];
    for (when, runs, make) in kinds {
        // Run ids of B-cos and rival that were compared already.
        let mut seen: BTreeSet<[&str; 2]> = BTreeSet::new();
        let is_bcos = |setting: &&&Setting| family(&setting.backbone).0 == "bcos";
        for ours in at_input.iter().filter(is_bcos) {
            let rivals = at_input.iter().filter(|theirs| is_rival(ours, theirs));
            let rivals = rivals.flat_map(|theirs| {
                let runs = runs(theirs).into_iter();
                runs.map(move |rows| (*theirs, rows))
            });
            let rivals: Vec<Runs> = rivals.collect();
            for rows in runs(ours) {
                for ((theirs, their_rows), words) in most_alike(evidence, rows[0], &rivals) {
                    // A baseline is in every setting of its guided runs, so the same two can meet again.
                    if !seen.insert([&rows[0].run.run_id, &their_rows[0].run.run_id]) {
                        continue;
                    }
                    let sides = [make(ours, &rows), make(theirs, their_rows)];
                    let effect = compare(evidence, (Part::All, EPG), sides.each_ref(), difference);
                    if let Some(effect) = effect {
                        let names = format!("{} over {}", ours.backbone, theirs.backbone);
                        let compared = format!("{names}, {when}{words}");
                        trials.push(Trial::new(ours.title(), compared, effect));
                    }
                }
            }
        }
    }
    some(
        trials,
        "a B-cos network and another of its architecture, scored at the input",
    )
}

/// Makes the side of a comparison from runs.
type Make = for<'a> fn(&'a Setting, &[&'a Row]) -> Side<'a>;

/// The baselines of a setting, as one group; none where it has none.
fn baselines(setting: &Setting) -> Vec<Vec<&Row>> {
    let rows: Vec<&Row> = setting
        .rows
        .iter()
        .filter(|row| row.run.is_baseline())
        .collect();
    Vec::from_iter((!rows.is_empty()).then_some(rows))
}

/// The Energy runs of a setting, by configuration.
fn guided(setting: &Setting) -> Vec<Vec<&Row>> {
    energy(setting)
        .into_iter()
        .map(|run_set| run_set.rows)
        .collect()
}

/// Returns, of each network among `rivals`, the runs that were trained most like `row`'s run, each with words
/// for what still differs. The weights that a run starts from are not compared, because each network has
/// weights of its own.
fn most_alike<'a, 'b>(
    evidence: &Evidence,
    row: &Row,
    rivals: &'b [Runs<'a>],
) -> Vec<((&'a Setting, &'b [&'a Row]), String)> {
    let runs = &evidence.results.runs;
    let training = |run: &Run| Training::of(run, runs).without_weights();
    let own = training(&row.run);
    let all: Vec<(&'b Runs<'a>, [Vec<String>; 2])> = rivals
        .iter()
        .map(|rival| {
            let theirs = training(&rival.1[0].run);
            let words = training::differences(&[&own, &theirs]);
            (rival, [words[0].clone(), words[1].clone()])
        })
        .collect();
    // The number of differences.
    let n = |words: &[Vec<String>; 2]| words[0].len() + words[1].len();
    let is_closest = |((setting, _), words): &&(&'b Runs<'a>, [Vec<String>; 2])| {
        let same = all
            .iter()
            .filter(|((other, _), _)| other.backbone == setting.backbone);
        same.map(|(_, other)| n(other)).min() == Some(n(words))
    };
    let told = |((setting, rows), words): &(&'b Runs<'a>, [Vec<String>; 2])| {
        let words = match n(words) {
            0 => String::new(),
            _ => format!(" ({} against {})", words[0].join(", "), words[1].join(", ")),
        };
        ((*setting, rows.as_slice()), words)
    };
    all.iter().filter(is_closest).map(told).collect()
}

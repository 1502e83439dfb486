//! Makes the exhibit `verdicts`: a table of the paper's claims, each with whether it holds in our
//! results, and a table of the comparisons that decided it. [`crate::claims`] decides them.

use std::collections::BTreeSet;

use crate::claims::verdict::{Judged, judge};
use crate::exhibit::entry::{Asked, Entry, Made};
use crate::format::points;
use crate::model::evidence::Evidence;
use crate::model::informative;
use crate::model::names;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Table};

/// Its entry in the list of exhibits. It also prints the verdicts on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "verdicts",
    title: "The paper's claims",
    about: "The paper's claims, decided by these results",
    make: |evidence, asked| Ok(make(evidence, asked)),
    said: Some(said),
};

/// Judges all claims, and makes the table of verdicts and the table of comparisons. The claims are about the
/// paper's data, or `scenes`, the small artificial data that the programs contain. If any setting (runs trained and
/// scored alike) is of a user's own data, they are judged only where the exhibit was asked for by name.
fn make(evidence: &Evidence, asked: Asked) -> Made {
    let mut settings = evidence.settings.iter();
    let own = settings.find(|setting| names::is_own(&setting.dataset));
    if let (Some(own), Asked::WithAll) = (own, asked) {
        return Err(format!(
            "the claims are not about {}, of which they are only asked by name",
            own.dataset
        ));
    }
    let judged = judge(evidence);
    let of_own = of_own_data(evidence);
    Ok((
        Vec::new(),
        vec![verdicts(&judged, &of_own), trials(&judged)],
    ))
}

/// Words with the names of the data that the claims are asked of, and how many of its classes count, where a user's
/// own is among it; empty where it is the paper's or `scenes`, of which the heading says enough.
fn of_own_data(evidence: &Evidence) -> String {
    let mut settings = evidence.settings.iter();
    if !settings.any(|setting| names::is_own(&setting.dataset)) {
        return String::new();
    }
    let named = evidence.settings.iter().map(|setting| {
        let name = names::dataset(&setting.dataset);
        match informative::classes(evidence.results, &setting.data) {
            Some(classes) => format!("{name} ({classes} count)"),
            None => name.to_owned(),
        }
    });
    let named: BTreeSet<String> = named.collect();
    format!(", on {}", Vec::from_iter(named).join(" and "))
}

/// The table of verdicts: a line for each claim. `of_own` are the words of [`of_own_data`].
fn verdicts(judged: &[Judged], of_own: &str) -> Table {
    let columns = vec![
        Column::new("claim", "", Kind::Text),
        Column::new("statement", "Claim", Kind::Text),
        Column::new("verdict", "Verdict", Kind::Text),
        Column::new("why", "Why", Kind::Text),
        Column::new("median", "Median", Kind::Value),
        Column::new("least", "Least", Kind::Value),
        Column::new("greatest", "Greatest", Kind::Value),
        Column::new("seeds", "Seeds", Kind::Text),
        Column::new("needed", "To decide it", Kind::Text),
        Column::new("compared", "Compared", Kind::Text),
    ];
    let line = |judged: &Judged| {
        let points = |index: usize| {
            let value = judged.effects.map(|effects| effects[index]);
            Cell::points(value, None)
        };
        Line::new(vec![
            Cell::text(judged.claim.name),
            Cell::text(format!("{}{of_own}", judged.claim.statement)),
            Cell::text(judged.verdict.to_string()),
            Cell::text(&judged.why),
            points(0),
            points(1),
            points(2),
            Cell::text(seeds(judged)),
            Cell::text(&judged.needed),
            Cell::text(judged.claim.test),
        ])
    };
    Table {
        name: "verdicts",
        version: 2,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines: judged.iter().map(line).collect(),
        }],
        caption: "The paper's claims, judged by these results alone, on this data and at this length \
                  of training (docs/statistics.md). Validation chooses checkpoints seed by seed; a comparison \
                  is for or against where its 95 % interval over seeds and test images leaves out 0. What is \
                  claimed of all cases holds where every comparison is for it, and does not hold where one \
                  is against it after Holm's correction; what is claimed of some holds where one is for it \
                  after that correction. Fewer than three seeds decide nothing. Median, least and greatest \
                  difference in points."
            .to_owned(),
    }
}

/// The number of seeds of a claim's comparisons, e.g. `3`, or `3 to 5`; empty without any.
fn seeds(judged: &Judged) -> String {
    match judged.seeds {
        None => String::new(),
        Some([least, most]) if least == most => least.to_string(),
        Some([least, most]) => format!("{least} to {most}"),
    }
}

/// The table of comparisons (trials): a line for each.
fn trials(judged: &[Judged]) -> Table {
    let columns = vec![
        Column::new("claim", "Claim", Kind::Text),
        Column::new("place", "Where", Kind::Text),
        Column::new("compared", "Compared", Kind::Text),
        Column::new("seeds", "Seeds", Kind::Count),
        Column::new("difference", "Difference", Kind::Interval),
        Column::new("outcome", "Outcome", Kind::Text),
    ];
    let lines = judged.iter().flat_map(|judged| {
        judged.trials.iter().map(|trial| {
            let effect = trial.effect();
            Line::new(vec![
                Cell::text(judged.claim.name),
                Cell::text(&trial.place),
                Cell::text(&trial.compared),
                Cell::count(trial.weighed.seeds),
                Cell::mean_points(effect.mean, effect.interval),
                Cell::text(trial.outcome().to_string()),
            ])
        })
    });
    Table {
        name: "verdict_comparisons",
        version: 2,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines: lines.collect(),
        }],
        caption: "The comparisons behind the verdicts: mean differences over seeds in points, with 95 % \
                  intervals over seeds and test images; of one seed, over test images alone, which decides \
                  nothing. Fronts are compared by their height: the mean over losses of at most 0, 1, 2 and 5 \
                  points of validation F1 of the test value of the checkpoint that validation chooses there."
            .to_owned(),
    }
}

/// Returns the verdicts as lines for the terminal.
fn said(evidence: &Evidence) -> String {
    let mut text = String::from("\nThe paper's claims, by these results:\n");
    let of_own = of_own_data(evidence);
    for judged in judge(evidence) {
        text.push_str(&format!(
            "{:4} {:22} {}{of_own}: {}",
            judged.claim.name,
            judged.verdict.to_string(),
            judged.claim.statement,
            judged.why
        ));
        if let Some(effects) = judged.effects {
            let [median, least, greatest] = effects.map(points);
            text.push_str(&format!(
                "; {median} points in the median ({least} to {greatest}); seeds: {}",
                seeds(&judged)
            ));
        }
        if !judged.needed.is_empty() {
            text.push_str(&format!("; to decide it: {}", judged.needed));
        }
        text.push('\n');
    }
    text
}

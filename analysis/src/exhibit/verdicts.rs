//! Makes the exhibit `verdicts`: a table of the paper's claims, each with whether it holds in our
//! results, and a table of the comparisons that decided it. [`crate::claims`] decides them.

use crate::claims::verdict::{Judged, judge};
use crate::exhibit::entry::{Entry, Made};
use crate::model::evidence::Evidence;
use crate::model::names;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Table};

/// Its entry in the list of exhibits. It also prints the verdicts on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "verdicts",
    title: "The paper's claims",
    about: "The paper's claims, decided by these results",
    make: |evidence, _| Ok(make(evidence)),
    said: Some(said),
};

/// Judges all claims, and makes the table of verdicts and the table of comparisons. The claims are about the
/// paper's data, or `scenes`, the small artificial data that the programs contain. If any setting (runs trained and
/// scored alike) is of a user's own data, nothing is judged.
fn make(evidence: &Evidence) -> Made {
    let mut settings = evidence.settings.iter();
    if let Some(own) = settings.find(|setting| names::is_own(&setting.dataset)) {
        return Err(format!("the claims are not about {}", own.dataset));
    }
    let judged = judge(evidence);
    Ok((Vec::new(), vec![verdicts(&judged), trials(&judged)]))
}

/// The table of verdicts: a line for each claim.
fn verdicts(judged: &[Judged]) -> Table {
    let columns = vec![
        Column::new("claim", "", Kind::Text),
        Column::new("statement", "Claim", Kind::Text),
        Column::new("verdict", "Verdict", Kind::Text),
        Column::new("why", "Why", Kind::Text),
        Column::new("compared", "Compared", Kind::Text),
    ];
    let line = |judged: &Judged| {
        Line::new(vec![
            Cell::text(judged.claim.name),
            Cell::text(judged.claim.statement),
            Cell::text(judged.verdict.to_string()),
            Cell::text(&judged.why),
            Cell::text(judged.claim.test),
        ])
    };
    Table {
        name: "verdicts",
        version: 1,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines: judged.iter().map(line).collect(),
        }],
        caption: "The paper's claims, judged by these results alone, on this data and at this length \
                  of training. A comparison is for or against where its 95 % interval leaves out 0. A \
                  claim does not hold where more comparisons are against it than chance makes (as \
                  many in less than one of twenty sets of as many intervals); it holds where that is \
                  not so and more than half are for it; else it is undecided."
            .to_owned(),
    }
}

/// The table of comparisons (trials): a line for each.
fn trials(judged: &[Judged]) -> Table {
    let columns = vec![
        Column::new("claim", "Claim", Kind::Text),
        Column::new("place", "Where", Kind::Text),
        Column::new("compared", "Compared", Kind::Text),
        Column::new("difference", "Difference", Kind::Interval),
        Column::new("outcome", "Outcome", Kind::Text),
    ];
    let lines = judged.iter().flat_map(|judged| {
        judged.trials.iter().map(|trial| {
            Line::new(vec![
                Cell::text(judged.claim.name),
                Cell::text(&trial.place),
                Cell::text(&trial.compared),
                Cell::points(trial.value, trial.interval),
                Cell::text(trial.outcome.to_string()),
            ])
        })
    });
    Table {
        name: "verdict_comparisons",
        version: 1,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines: lines.collect(),
        }],
        caption: "The comparisons behind the verdicts: differences in points with 95 % intervals. Of \
                  fronts the difference of their mean gains over the baseline in the range of 5 points \
                  of F1 around the baseline's."
            .to_owned(),
    }
}

/// Returns the verdicts as lines for the terminal.
fn said(evidence: &Evidence) -> String {
    let mut text = String::from("\nThe paper's claims, by these results:\n");
    for judged in judge(evidence) {
        text.push_str(&format!(
            "{:4} {:16} {}: {}\n",
            judged.claim.name,
            judged.verdict.to_string(),
            judged.claim.statement,
            judged.why
        ));
    }
    text
}

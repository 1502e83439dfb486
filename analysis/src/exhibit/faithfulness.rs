//! Makes the exhibit `faithfulness`: whether maps still say what the network looks at after guidance (docs/SPEC.md
//! L). For each setting (runs trained and scored alike) and loss it shows the measures of `trainer faithfulness`
//! before and after, on the same pairs (an image and a class on it).

use std::collections::BTreeSet;

use crate::exhibit::entry::{Entry, Made};
use crate::model::evidence::Evidence;
use crate::model::faithfulness::{Faithfulness, Values};
use crate::model::loss::Loss;
use crate::model::over_seeds::OverSeeds;
use crate::model::run_sets::{RunSet, plain};
use crate::model::same_pairs::{Change, change};
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Spread, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "faithfulness",
    title: "Whether maps are still faithful",
    about: "Insertion, deletion, logits without the object and maps of random weights, before and after guidance",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Guided runs of one loss in a setting that differ in the seed alone, as far as they and their baselines were
/// measured.
struct Measured<'a> {
    runs: OverSeeds<'a>,
    /// What was measured of each run and of its baseline.
    tables: Vec<(&'a Faithfulness, &'a Faithfulness)>,
}

/// Makes the table: a section for each setting, a line for each loss and measure.
fn make(evidence: &Evidence) -> Made {
    let sections = evidence.settings.iter().map(|setting| {
        let lines = measured(evidence, setting);
        let lines = lines
            .iter()
            .flat_map(|(label, of)| lines_of(evidence, label, of));
        Section {
            heading: setting.title(),
            lines: lines.collect(),
        }
    });
    let sections: Vec<Section> = sections
        .filter(|section| !section.lines.is_empty())
        .collect();
    if sections.is_empty() {
        return Err(
            "no guided run was measured beside its baseline (faithfulness under a recipe's [evaluation])".to_owned(),
        );
    }
    let table = Table {
        name: "faithfulness_before_after",
        version: 1,
        columns: vec![
            Column::new("loss", "Loss", Kind::Text),
            Column::new("lambda", "λ", Kind::Value),
            Column::new("seeds", "Seeds", Kind::Count),
            Column::new("measure", "Measure", Kind::Text),
            Column::new("removed", "Removed pixels show", Kind::Text),
            Column::new("pairs", "Pairs", Kind::Count),
            Column::new("before", "Before", Kind::Value),
            Column::new("after", "After", Kind::Value),
            Column::new("difference", "Difference", Kind::Interval),
        ],
        sections,
        caption: "What maps say of the network before and after guidance, means over the same test pairs (an image \
                  and a class on it): the area under the class's probability while the map's highest pixels are put \
                  in (insertion, high where the map is faithful) or taken away (deletion, low); how far the class's \
                  logit drops without a region; the rank correlation with the map of random weights (near 0 where \
                  maps show what was learned). Of each loss the λ that validation prefers. Differences with 95 % \
                  intervals, Student's over images, and over seeds where there are several."
            .to_owned(),
    };
    Ok((Vec::new(), vec![table]))
}

/// Returns of each loss its name and the runs that did best on validation, of those that were measured.
fn measured<'a>(evidence: &Evidence<'a>, setting: &'a Setting) -> Vec<(String, Measured<'a>)> {
    let table = |row: &Row| {
        let subject = setting.subject(&row.run, row.selection.epoch, Part::All);
        evidence.results.faithfulness.get(&subject)
    };
    let both = |row: &'a Row| table(row).zip(setting.baseline_of(row).and_then(table));
    let run_sets = plain(setting);
    let losses: BTreeSet<&Loss> = run_sets.iter().filter_map(RunSet::loss).collect();
    let of_loss = |loss: &Loss| {
        let sets = run_sets.iter().filter(|set| set.loss() == Some(loss));
        let rows = sets.flat_map(|set| set.rows.iter().copied());
        let rows = rows.filter(|&row| both(row).is_some());
        let runs = OverSeeds::among(&evidence.results.runs, rows)?;
        let tables = runs.rows.iter().filter_map(|&row| both(row)).collect();
        Some((loss.to_string(), Measured { runs, tables }))
    };
    losses.into_iter().filter_map(of_loss).collect()
}

/// The lines of one loss: one for each measure and baseline that the first run's table has.
fn lines_of(evidence: &Evidence, label: &str, of: &Measured) -> Vec<Line> {
    let Some((first, _)) = of.tables.first() else {
        return Vec::new();
    };
    let line = |measured: &(String, Option<String>)| {
        let seeds = of.tables.iter().map(|(after, before)| {
            Some((after.values.get(measured)?, before.values.get(measured)?))
        });
        let seeds: Vec<(&Values, &Values)> = seeds.collect::<Option<_>>()?;
        let Change {
            difference,
            n_pairs,
        } = change(&seeds)?;
        let (name, removed) = measured;
        let title = |name: &String| evidence.measure(name).to_string();
        let spread = difference
            .interval
            .map_or(Spread::Unknown, Spread::Interval);
        let lambda = of.runs.rows.first().and_then(|row| row.run.lambda);
        Some(Line::new(vec![
            Cell::text(label),
            lambda.map_or(Cell::Missing, Cell::Number),
            Cell::count(of.runs.rows.len()),
            Cell::text(title(name)),
            Cell::maybe_text(removed.as_ref().map(title)),
            Cell::count(n_pairs),
            Cell::Plain(difference.before, Spread::Unknown),
            Cell::Plain(difference.after, Spread::Unknown),
            Cell::Change(difference.difference, spread),
        ]))
    };
    first.order.iter().filter_map(line).collect()
}

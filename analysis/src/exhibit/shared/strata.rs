//! Makes figure and table of EPG by stratum, for the exhibits `box_size` and `classes`. A stratum is a
//! part of the test pairs: those of one class, or those whose boxes are of one size. A pair is an image
//! and a class on it. Compared are the baseline and, of each loss, the run chosen on validation.

use std::collections::BTreeSet;

use crate::exhibit::entry::Made;
use crate::format::number;
use crate::model::evidence::Evidence;
use crate::model::loss::Loss;
use crate::model::measure::EPG;
use crate::model::run_sets::{each_loss, plain};
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::render::figure::grid::{Dot, Grid};
use crate::render::figure::style::Emphasis;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Series, Table};

/// Returns the settings (runs trained and scored alike) that have EPG over `wanted` parts, each with
/// these parts in their order. Settings without runs guided through their own method and layer are left out.
pub fn with_parts<'a>(
    evidence: &Evidence<'a>,
    wanted: fn(&Part) -> bool,
) -> Vec<(&'a Setting, Vec<Part>)> {
    // A class without a pair has F1, but no EPG.
    let has_epg = |row: &Row, part: &Part| row.cell(*part, EPG).is_some();
    let parts = |setting: &'a Setting| -> BTreeSet<Part> {
        let rows = setting.rows.iter();
        let scored = rows.flat_map(|row| {
            let parts = row.selected().into_iter().flat_map(|c| c.blocks.keys());
            parts.filter(move |part| has_epg(row, part))
        });
        scored.copied().filter(wanted).collect()
    };
    let all = evidence
        .settings
        .iter()
        .filter(|setting| !plain(setting).is_empty());
    all.map(|setting| (setting, parts(setting).into_iter().collect::<Vec<_>>()))
        .filter(|(_, parts)| !parts.is_empty())
        .collect()
}

/// Returns (index in `parts`, EPG in percent) of a run, for the parts where its EPG is defined.
pub fn values(row: &Row, parts: &[Part]) -> Vec<(f64, f64)> {
    let value = |(index, part): (usize, &Part)| {
        let epg = row.cell(*part, EPG)?.value?;
        Some((index as f64, epg * 100.0))
    };
    parts.iter().enumerate().filter_map(value).collect()
}

/// The mark of a run in a plot.
pub fn dot(row: &Row, at: (f64, f64)) -> Dot {
    Dot {
        at,
        across: None,
        up: None,
        loss: row.run.loss.clone(),
        // The full colour of the loss.
        tone: 0,
        // The baseline's cross, which lies on top, is small, so that it hides no loss.
        emphasis: match row.run.loss {
            None => Emphasis::Plain,
            Some(_) => Emphasis::Front,
        },
    }
}

/// The name of a part for people: a group's or class's name, or a size such as `5–10` (percent).
pub fn part_name(evidence: &Evidence, setting: &Setting, part: Part) -> String {
    let results = evidence.results;
    match part {
        Part::All => "all".to_owned(),
        Part::Group(group) => results.group_name(&setting.data, group),
        Part::Class(class) => results.class_name(&setting.data, &setting.task, class),
        Part::Size { low, high } => {
            format!("{}–{}", number(low.0 * 100.0), number(high.0 * 100.0))
        }
    }
}

/// How CSV and Parquet have the columns of losses: as one column `loss` (null for the baseline) and one
/// `epg`, a line for each loss.
const LOSSES: Series = Series {
    key: "loss",
    value: "epg",
};

/// Draws `grid` and makes the table of the same numbers: a line for each part, the column of parts headed
/// `what`, and a column for the baseline and for each loss.
pub fn exhibit(
    evidence: &Evidence,
    settings: &[(&Setting, Vec<Part>)],
    name: &'static str,
    what: &str,
    grid: &Grid,
) -> Made {
    if settings.is_empty() {
        return Err("no evaluation has metrics by class and size".to_owned());
    }
    let mut columns = vec![
        Column::new("part", what, Kind::Text),
        Column::new("pairs", "Pairs", Kind::Count),
        Column::new("", "Baseline", Kind::Value).of(LOSSES),
    ];
    let rows = settings.iter().flat_map(|(setting, _)| each_loss(setting));
    let losses: BTreeSet<&Loss> = rows.filter_map(|row| row.run.loss.as_ref()).collect();
    let column = |loss: &&Loss| Column::new(loss.name(), loss.to_string(), Kind::Value).of(LOSSES);
    columns.extend(losses.iter().map(column));
    let section = |(setting, parts): &(&Setting, Vec<Part>)| {
        let rows = each_loss(setting);
        let line = |part: &Part| {
            let epg = |loss: Option<&Loss>| {
                let row = rows.iter().find(|row| row.run.loss.as_ref() == loss)?;
                row.cell(*part, EPG)
            };
            let of = |loss| epg(loss).map_or(Cell::Missing, |cell| Cell::share(cell.value, None));
            let first = rows.first().and_then(|row| row.cell(*part, EPG));
            let pairs = first.map_or(Cell::Missing, |cell| Cell::Count(cell.n));
            let name = Cell::text(part_name(evidence, setting, *part));
            let losses: Vec<Cell> = losses.iter().map(|loss| of(Some(*loss))).collect();
            Line::new([vec![name, pairs, of(None)], losses].concat())
        };
        Section {
            heading: setting.title(),
            lines: parts.iter().map(line).collect(),
        }
    };
    let table = Table {
        name,
        version: 2,
        columns,
        sections: settings.iter().map(section).collect(),
        caption: format!(
            "{} Of each loss the checkpoint that validation prefers; EPG in percent.",
            grid.caption
        ),
    };
    Ok((grid.draw().into_iter().collect(), vec![table]))
}

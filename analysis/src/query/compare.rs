//! Answers `analysis query --compare A,B`: compares two runs (trainings) on the same data. For every metric it has
//! the value of A, the value of B, the difference B − A (as in `evaluator compare`) and its paired
//! interval, over all test images and over each group of them. Each run is represented by its checkpoint chosen
//! on validation. Only scores for the same task, through maps of the same method, layer and precision, are
//! compared.

use std::collections::BTreeSet;

use polars::prelude::*;

use crate::model::intervals::{self, Interval};
use crate::model::results::Results;
use crate::model::run::Run;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::query::arguments::Query;
use crate::query::condition::Condition;
use crate::query::known::{failed, known};
use crate::query::printed::key_cell;
use crate::render::table::parts::{self, Cell, Kind, Line, Section, Table};
use crate::{Error, Result};

/// A metric of both runs.
struct Compared<'a> {
    /// The setting of A: which maps were scored.
    setting: &'a Setting,
    /// The group of images; `None` for all images.
    group: Option<i32>,
    /// Its name.
    metric: String,
    /// The values of A and of B.
    values: [f64; 2],
    /// The 95 % interval of B − A over the bootstrap resamples that both have; `None` without replicates.
    interval: Option<Interval>,
}

/// Answers the query; `pair` is what `--compare` was given. Returns the answer as a data frame with fractions, and
/// the table to print.
pub(super) fn answer(
    query: &Query,
    results: &Results,
    settings: &[Setting],
    pair: &str,
) -> Result<(DataFrame, Table)> {
    let refused = |expected: String| Error::Query {
        option: "--compare".to_owned(),
        found: pair.to_owned(),
        expected,
    };
    let Some((a, b)) = pair.split_once(',') else {
        return Err(refused("two runs, A,B".to_owned()));
    };
    let find = |wanted: &str| -> Result<&Run> {
        let names = |run: &&Run| run.run_id.starts_with(wanted) || run.name == wanted;
        let found: Vec<&Run> = results.runs.iter().filter(names).collect();
        match found[..] {
            [run] => Ok(run),
            [] => {
                let ids: Vec<&str> = results.runs.iter().map(|run| run.run_id.as_str()).collect();
                Err(refused(format!("{wanted} to be one of {}", ids.join(", "))))
            }
            _ => Err(refused(format!(
                "{wanted} to be one run, not {}",
                found.len()
            ))),
        }
    };
    let runs = [find(a.trim())?, find(b.trim())?];
    let data = runs.map(|run| run.data_inputs.as_str());
    if data[0] != data[1] {
        return Err(refused(format!(
            "two runs on the same data, not data_inputs {} and {}",
            data[0], data[1]
        )));
    }
    // The maps of A that were compared: a baseline is in every setting (runs trained and scored alike) of its
    // guided runs, and is compared once.
    let mut seen = BTreeSet::new();
    let rows = |run: &Run| -> Vec<(&Setting, &Row)> {
        let all = settings
            .iter()
            .flat_map(|setting| setting.rows.iter().map(move |row| (setting, row)));
        all.filter(|(_, row)| row.run.run_id == run.run_id)
            .collect()
    };
    let mut compared = Vec::new();
    for (setting, ours) in rows(runs[0]) {
        let alike = |other: &Setting| {
            (&other.task, other.method(), &other.precision)
                == (&setting.task, setting.method(), &setting.precision)
        };
        let theirs = rows(runs[1]).into_iter().find(|(other, _)| alike(other));
        let subject = setting.subject(&ours.run, ours.selection.epoch, Part::All);
        if let Some(theirs) = theirs
            && seen.insert(subject)
        {
            compared.extend(metrics(results, [(setting, ours), theirs]));
        }
    }
    if compared.is_empty() {
        let expected = "two runs scored on the test split through the same maps";
        return Err(refused(expected.to_owned()));
    }
    let measured: Vec<String> = compared.iter().map(|row| row.metric.clone()).collect();
    for metric in &query.metrics {
        known("--metric", metric, &measured)?;
    }
    compared.retain(|row| query.metrics.is_empty() || query.metrics.contains(&row.metric));
    let frame = frame(&compared).map_err(failed())?;
    let mut lazy = frame.clone().lazy();
    for condition in &query.conditions {
        lazy = lazy.filter(Condition::parse(condition, &frame)?.expression);
    }
    let frame = lazy.collect().map_err(failed())?;
    let table = printed(results, &frame, runs).map_err(failed())?;
    Ok((frame, table))
}

/// Compares every metric that both runs have; the first of the two is A.
fn metrics<'a>(
    results: &Results,
    [(setting, ours), (their_setting, theirs)]: [(&'a Setting, &Row); 2],
) -> Vec<Compared<'a>> {
    let mut compared = Vec::new();
    let Some(selected) = ours.selected() else {
        return compared;
    };
    for (part, block) in &selected.blocks {
        let group = match part {
            Part::All => None,
            Part::Group(group) => Some(*group),
            Part::Class(_) | Part::Size { .. } => continue,
        };
        for (metric, cell) in block {
            let other = theirs.cell(*part, metric).and_then(|other| other.value);
            let (Some(a), Some(b)) = (cell.value, other) else {
                continue;
            };
            let replicates = |setting: &Setting, row: &Row| {
                let subject = setting.subject(&row.run, row.selection.epoch, *part);
                results.resampled(&subject, metric)
            };
            let pair = replicates(setting, ours).zip(replicates(their_setting, theirs));
            compared.push(Compared {
                setting,
                group,
                metric: metric.clone(),
                values: [a, b],
                interval: pair.and_then(|(a, b)| intervals::paired(b, a)),
            });
        }
    }
    compared
}

/// Makes a data frame with a row for each comparison.
fn frame(compared: &[Compared]) -> PolarsResult<DataFrame> {
    let text = |get: fn(&Setting) -> &str| -> Vec<&str> {
        compared.iter().map(|row| get(row.setting)).collect()
    };
    let number = |get: fn(&Compared) -> f64| compared.iter().map(get).collect::<Vec<f64>>();
    let end = |get: fn(Interval) -> f64| -> Vec<Option<f64>> {
        compared.iter().map(|row| row.interval.map(get)).collect()
    };
    df!(
        "dataset" => text(|setting| &setting.dataset),
        "task" => text(|setting| &setting.task),
        "attribution" => text(|setting| &setting.attribution),
        "layer" => text(|setting| &setting.layer),
        "precision" => compared.iter().map(|row| row.setting.precision.as_deref()).collect::<Vec<_>>(),
        "group_id" => compared.iter().map(|row| row.group).collect::<Vec<Option<i32>>>(),
        "metric" => compared.iter().map(|row| row.metric.as_str()).collect::<Vec<_>>(),
        "a" => number(|row| row.values[0]),
        "b" => number(|row| row.values[1]),
        "difference" => number(|row| row.values[1] - row.values[0]),
        "difference_low" => end(|interval| interval.low),
        "difference_high" => end(|interval| interval.high),
    )
}

/// Makes the table to print.
fn printed(results: &Results, frame: &DataFrame, runs: [&Run; 2]) -> PolarsResult<Table> {
    let mut titles = vec![
        ("task", "Task"),
        ("attribution", "Maps"),
        ("layer", "at"),
        ("precision", "in"),
        ("group_id", "Group"),
        ("metric", "Metric"),
    ];
    // The maps' precision is shown only if there are several, or if it is not the one that the runs were
    // trained in.
    let trained = runs.map(|run| run.precision.as_str());
    let precisions: BTreeSet<Option<&str>> = frame.column("precision")?.str()?.iter().collect();
    let is_usual = |precision: &Option<&str>| {
        precision.is_none_or(|precision| trained == [precision, precision])
    };
    if precisions.len() < 2 && precisions.iter().all(is_usual) {
        titles.retain(|(name, _)| *name != "precision");
    }
    let mut columns: Vec<parts::Column> = titles
        .iter()
        .map(|(_, title)| parts::Column::new("", *title, Kind::Text))
        .collect();
    for title in ["A (%)", "B (%)", "B − A"] {
        columns.push(parts::Column::new("", title, Kind::Interval));
    }
    let number = |name: &str, row: usize| -> PolarsResult<Option<f64>> {
        Ok(frame.column(name)?.f64()?.get(row))
    };
    let line = |row: usize| -> PolarsResult<Line> {
        let mut cells = Vec::new();
        for (name, _) in &titles {
            cells.push(key_cell(frame.column(name)?, row)?);
        }
        let metric = frame.column("metric")?.str()?.get(row).unwrap_or_default();
        let measure = results.measures.get(metric);
        cells.push(Cell::value(&measure, number("a", row)?, None));
        cells.push(Cell::value(&measure, number("b", row)?, None));
        let ends = number("difference_low", row)?.zip(number("difference_high", row)?);
        let interval = ends.map(|(low, high)| Interval { low, high });
        cells.push(Cell::difference(
            &measure,
            number("difference", row)?,
            interval,
        ));
        Ok(Line::new(cells))
    };
    let lines = (0..frame.height()).map(line).collect::<PolarsResult<_>>()?;
    let name = |run: &Run| format!("{} ({})", run.name, run.run_id);
    Ok(Table {
        name: "query",
        version: 1,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines,
        }],
        caption: format!(
            "A: {}. B: {}. Each at the checkpoint that validation chose; differences B − A in points \
             with paired 95 % intervals.",
            name(runs[0]),
            name(runs[1])
        ),
    })
}

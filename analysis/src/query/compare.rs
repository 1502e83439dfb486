//! Two runs beside each other: every metric of their chosen checkpoints through the same maps, over all
//! test images and over each group, with the difference and its paired interval.

use polars::prelude::*;

use super::condition::Condition;
use super::{Query, failed, known};
use crate::comparison::{Row, Setting};
use crate::intervals::{self, Interval};
use crate::load::{Part, Results};
use crate::names::Measure;
use crate::run::Run;
use crate::table::{self, Cell, Kind, Line, Section, Table};
use crate::{Error, Result};

/// A metric of both runs.
struct Compared<'a> {
    setting: &'a Setting,
    group: Option<i32>,
    metric: String,
    values: [f64; 2],
    interval: Option<Interval>,
}

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
    let mut compared = Vec::new();
    for setting in settings {
        let row = |run: &Run| setting.rows.iter().find(|row| row.run.run_id == run.run_id);
        if let (Some(ours), Some(theirs)) = (row(runs[0]), row(runs[1])) {
            compared.extend(metrics(results, setting, [ours, theirs]));
        }
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
    let table = printed(&frame, runs).map_err(failed())?;
    Ok((frame, table))
}

fn metrics<'a>(results: &Results, setting: &'a Setting, rows: [&Row; 2]) -> Vec<Compared<'a>> {
    let mut compared = Vec::new();
    let Some(selected) = rows[0].selected() else {
        return compared;
    };
    for (part, block) in &selected.blocks {
        let group = match part {
            Part::All => None,
            Part::Group(group) => Some(*group),
            Part::Class(_) | Part::Size { .. } => continue,
        };
        for (metric, cell) in block {
            let other = rows[1].metric(*part, metric).and_then(|other| other.value);
            let (Some(ours), Some(theirs)) = (cell.value, other) else {
                continue;
            };
            // Replicates are paired only over the same images.
            let same_images = rows[0].run.data_inputs == rows[1].run.data_inputs;
            let replicates = |row: &Row| {
                let measure = Measure::ALL.into_iter().find(|m| m.spelling() == metric)?;
                let subject = setting.subject(&row.run, row.selection.epoch, *part);
                results.replicates.get(&subject)?.get(&measure)
            };
            let pair = replicates(rows[0])
                .zip(replicates(rows[1]))
                .filter(|_| same_images);
            compared.push(Compared {
                setting,
                group,
                metric: metric.clone(),
                values: [ours, theirs],
                interval: pair.and_then(|(ours, theirs)| intervals::paired(ours, theirs)),
            });
        }
    }
    compared
}

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
        "group_id" => compared.iter().map(|row| row.group).collect::<Vec<Option<i32>>>(),
        "metric" => compared.iter().map(|row| row.metric.as_str()).collect::<Vec<_>>(),
        "a" => number(|row| row.values[0]),
        "b" => number(|row| row.values[1]),
        "difference" => number(|row| row.values[0] - row.values[1]),
        "difference_low" => end(|interval| interval.low),
        "difference_high" => end(|interval| interval.high),
    )
}

fn printed(frame: &DataFrame, runs: [&Run; 2]) -> PolarsResult<Table> {
    let titles = [
        ("task", "Task"),
        ("attribution", "Maps"),
        ("layer", "at"),
        ("group_id", "Group"),
        ("metric", "Metric"),
    ];
    let mut columns: Vec<table::Column> = titles
        .iter()
        .map(|(_, title)| table::Column::new("", *title, Kind::Text))
        .collect();
    for title in ["A (%)", "B (%)", "A − B"] {
        columns.push(table::Column::new("", title, Kind::Interval));
    }
    let number = |name: &str, row: usize| -> PolarsResult<Option<f64>> {
        Ok(frame.column(name)?.f64()?.get(row))
    };
    let line = |row: usize| -> PolarsResult<Line> {
        let mut cells = Vec::new();
        for (name, _) in titles {
            cells.push(super::key_cell(frame.column(name)?, row)?);
        }
        cells.push(Cell::share(number("a", row)?, None));
        cells.push(Cell::share(number("b", row)?, None));
        let ends = number("difference_low", row)?.zip(number("difference_high", row)?);
        let interval = ends.map(|(low, high)| Interval { low, high });
        cells.push(Cell::points(number("difference", row)?, interval));
        Ok(Line::new(cells))
    };
    let lines = (0..frame.height()).map(line).collect::<PolarsResult<_>>()?;
    let name = |run: &Run| format!("{} ({})", run.name, run.run_id);
    Ok(Table {
        name: "query",
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines,
        }],
        caption: format!(
            "A: {}. B: {}. Each at the checkpoint that validation chose; differences in points with \
             paired 95 % intervals.",
            name(runs[0]),
            name(runs[1])
        ),
    })
}

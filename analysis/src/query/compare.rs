//! Answers `analysis query --compare A,B`: compares two runs (trainings) on the same data, or two sides of several
//! seeds. For every metric it has the value of A, the value of B, the difference B − A (as in `evaluator compare`) and
//! its interval ([`crate::statistics::effect`]), over all test images and over each group of them. Each run is
//! represented by its checkpoint chosen on validation. Only scores for the same task, through maps of the same method,
//! layer and precision, are compared. Values at different thresholds, or over different numbers of images or pairs (an
//! image and a class on it), have no difference, and the answer says so.

use std::collections::BTreeSet;

use polars::prelude::*;

use crate::model::aligned::Aligned;
use crate::model::intervals::Interval;
use crate::model::results::Results;
use crate::model::run::Run;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::query::arguments::Query;
use crate::query::condition::Condition;
use crate::query::known::{failed, known};
use crate::query::printed::key_cell;
use crate::render::table::parts::{self, Cell, Kind, Line, Section, Table};
use crate::statistics::effect::{Effect, Measured, unpaired};
use crate::{Error, Result};

/// The runs of a side: one, or several seeds of one configuration and λ.
type Side<'a> = Vec<&'a Run>;

/// A metric of both sides.
struct Compared<'a> {
    /// The setting of A: which maps were scored.
    setting: &'a Setting,
    /// The group of images; `None` for all images.
    group: Option<i32>,
    /// Its name.
    metric: String,
    /// The values of A and of B, means over seeds.
    values: [f64; 2],
    /// B − A; `None` where the runs' values differ in what they are over ([`crate::model::setting::Cell::key`]).
    difference: Option<f64>,
    /// The 95 % interval of B − A: over seeds and images with several seeds on both sides, else over images; `None`
    /// without replicates or difference.
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
        return Err(refused(
            "two runs, A,B; of several seeds A+A2,B+B2".to_owned(),
        ));
    };
    let matching = |wanted: &str| -> Side {
        let names = |run: &&Run| run.run_id.starts_with(wanted) || run.name == wanted;
        results.runs.iter().filter(names).collect()
    };
    let find = |wanted: &str| -> Result<Side> {
        let found = matching(wanted);
        match found.is_empty() {
            false => Ok(found),
            true => {
                let ids: Vec<&str> = results.runs.iter().map(|run| run.run_id.as_str()).collect();
                Err(refused(format!("{wanted} to be one of {}", ids.join(", "))))
            }
        }
    };
    let side = |wanted: &str| -> Result<Side> {
        // A name may have a + of its own.
        let found = match matching(wanted.trim()) {
            none if none.is_empty() => {
                let each: Result<Vec<Side>> =
                    wanted.split('+').map(|one| find(one.trim())).collect();
                each?.concat()
            }
            found => found,
        };
        let seeds: BTreeSet<i64> = found.iter().map(|run| run.seed).collect();
        let alike = |run: &&Run| {
            let key = |run: &Run| (run.configuration.clone(), run.lambda.map(f64::to_bits));
            key(run) == key(found[0])
        };
        match seeds.len() == found.len() && found.iter().all(alike) {
            true => Ok(found),
            false => Err(refused(format!(
                "{wanted} to be one run, or runs that differ in the seed alone, not {} runs",
                found.len()
            ))),
        }
    };
    let sides = [side(a)?, side(b)?];
    let data = sides.each_ref().map(|side| side[0].data_inputs.as_str());
    if data[0] != data[1] {
        return Err(refused(format!(
            "two runs on the same data, not data_inputs {} and {}",
            data[0], data[1]
        )));
    }
    // The maps of A that were compared: a baseline is in every setting (runs trained and scored alike) of its
    // guided runs, and is compared once.
    let mut seen = BTreeSet::new();
    let mut compared = Vec::new();
    for (setting, ours) in of_side(settings, &sides[0]) {
        let alike = |other: &Setting| {
            (&other.task, other.method(), &other.precision)
                == (&setting.task, setting.method(), &setting.precision)
        };
        let mut others = of_side(settings, &sides[1]).into_iter();
        let theirs = others.find(|(other, _)| alike(other));
        let subject = setting.subject(&ours[0].run, ours[0].selection.epoch, Part::All);
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
    let table = printed(results, &frame, &sides).map_err(failed())?;
    Ok((frame, table))
}

/// A side's runs in their settings (runs trained and scored alike): those settings that have all of them.
fn of_side<'a>(settings: &'a [Setting], side: &Side) -> Vec<(&'a Setting, Vec<&'a Row>)> {
    let of_setting = |setting: &'a Setting| {
        let row = |run: &&Run| {
            let mut rows = setting.rows.iter();
            rows.find(|row| row.run.run_id == run.run_id)
        };
        Some((setting, side.iter().map(row).collect::<Option<_>>()?))
    };
    settings.iter().filter_map(of_setting).collect()
}

/// Compares every metric that all runs have; the first of the two sides is A.
fn metrics<'a>(results: &Results, sides: [(&'a Setting, Vec<&Row>); 2]) -> Vec<Compared<'a>> {
    let (setting, ours) = &sides[0];
    let mut compared = Vec::new();
    let Some(selected) = ours[0].selected() else {
        return compared;
    };
    let seeds = |(_, rows): &(&Setting, Vec<&Row>)| -> Vec<i64> {
        rows.iter().map(|row| row.run.seed).collect()
    };
    let order = |seed: &i64| seeds(&sides[1]).iter().position(|other| other == seed);
    // For each run of A the place of the run of B of the same seed; only if there is one for each.
    let pairs: Option<Vec<usize>> = seeds(&sides[0]).iter().map(order).collect();
    let pairs = pairs.filter(|pairs| pairs.len() == sides[1].1.len());
    for (part, block) in &selected.blocks {
        let group = match part {
            Part::All => None,
            Part::Group(group) => Some(*group),
            Part::Class(_) | Part::Size { .. } => continue,
        };
        for (metric, cell) in block {
            let mut aligned = Aligned::default();
            let mut read = |(setting, rows): &(&Setting, Vec<&Row>)| -> Option<Vec<Measured>> {
                let measured = |row: &&Row| {
                    let subject = setting.subject(&row.run, row.selection.epoch, *part);
                    Some(Measured {
                        value: row.cell(*part, metric)?.value?,
                        resampled: aligned.take(results.resampled(&subject, metric)),
                    })
                };
                rows.iter().map(measured).collect()
            };
            let (Some(a), Some(b)) = (read(&sides[0]), read(&sides[1])) else {
                continue;
            };
            let key = cell.key(metric);
            let rows = sides.iter().flat_map(|(_, rows)| rows);
            let mut cells = rows.filter_map(|row| row.cell(*part, metric));
            let is_alike = cells.all(|cell| cell.key(metric) == key);
            let n = cell.n as usize;
            let interval = || match &pairs {
                Some(pairs) => {
                    let pairs = a.iter().zip(pairs);
                    let differences = pairs.map(|(a, index)| b[*index].minus(a));
                    Effect::of(&differences.collect::<Vec<_>>(), n).and_then(|it| it.interval)
                }
                None => unpaired(&a, &b, n).and_then(|(_, interval)| interval),
            };
            let mean = |side: &[Measured]| {
                side.iter().map(|one| one.value).sum::<f64>() / side.len() as f64
            };
            let values = [mean(&a), mean(&b)];
            compared.push(Compared {
                setting,
                group,
                metric: metric.clone(),
                values,
                difference: is_alike.then_some(values[1] - values[0]),
                interval: is_alike.then(interval).flatten(),
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
        "difference" => compared.iter().map(|row| row.difference).collect::<Vec<Option<f64>>>(),
        "difference_low" => end(|interval| interval.low),
        "difference_high" => end(|interval| interval.high),
    )
}

/// Makes the table to print.
fn printed(results: &Results, frame: &DataFrame, sides: &[Side; 2]) -> PolarsResult<Table> {
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
    let trained = sides.each_ref().map(|side| side[0].precision.as_str());
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
    let name = |side: &Side| {
        let ids: Vec<&str> = side.iter().map(|run| run.run_id.as_str()).collect();
        format!("{} ({})", side[0].name, ids.join(", "))
    };
    let how = match sides.iter().all(|side| side.len() > 1) {
        true => "Means over seeds, with 95 % intervals over seeds and test images",
        false => "With 95 % intervals over test images alone",
    };
    let differences = frame.column("difference")?.f64()?;
    let metrics = frame.column("metric")?.str()?.iter();
    let rows = metrics.zip(differences.iter());
    let without = rows.filter(|(_, difference)| difference.is_none());
    let without: BTreeSet<&str> = without.filter_map(|(metric, _)| metric).collect();
    let not_compared = match without.is_empty() {
        true => String::new(),
        false => format!(
            " No difference where the values are at different thresholds, or over different numbers of images or \
             pairs: {}.",
            Vec::from_iter(without).join(", ")
        ),
    };
    Ok(Table {
        name: "query",
        version: 1,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines,
        }],
        caption: format!(
            "A: {}. B: {}. Each at the checkpoint that validation chose; differences B − A in points. \
             {how}.{not_compared}",
            name(&sides[0]),
            name(&sides[1])
        ),
    })
}

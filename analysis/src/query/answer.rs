//! Answers `analysis query`, a question about metrics. It joins the rows of all `metrics.parquet` (one for each
//! checkpoint, kind of maps, part of the images and metric) with the configuration of their run (training), keeps
//! the rows that meet the conditions ([`crate::query::condition`]), and makes one line of each group of rows that
//! are alike in the key columns, with a column for each metric. With `--compare` it compares two runs
//! ([`crate::query::compare`]).

use std::collections::BTreeSet;

use polars::prelude::*;

use crate::model::comparison;
use crate::model::measure::{ACCURACY, EPG, F1, IOU, IOU_TUNED, MAP, Measure};
use crate::model::results::Results;
use crate::model::setting::{Row, Setting};
use crate::model::subject::{Part, TEST};
use crate::query::arguments::Query;
use crate::query::compare;
use crate::query::condition::Condition;
use crate::query::known::{failed, known, values_of};
use crate::query::printed::printed;
use crate::render::output::{parquet, write};
use crate::render::table::markdown;
use crate::render::table::parts::Table;
use crate::{Error, Result};

/// The metrics shown if the query names none, as far as they were measured.
const USUAL: [&str; 6] = [F1, MAP, ACCURACY, EPG, IOU, IOU_TUNED];
/// The columns that tell which part of the split a metric is over. All of them are null in rows over all
/// images, and only such rows are answered if the query mentions none of these columns.
const PARTS: [&str; 4] = ["group_id", "class_id", "size_low", "size_high"];
/// The columns that the answer shows, and groups by, if the query does not say `--group-by`.
const SHOWN: [&str; 11] = [
    "run_id",
    "name",
    "backbone",
    "loss",
    "lambda",
    "seed",
    "checkpoint",
    "task",
    "attribution",
    "layer",
    "precision",
];

/// Answers `query`: returns the text to print, and writes the Parquet file if `--out` names one.
///
/// # Errors
/// An unknown column or metric, an invalid condition, a table that does not fit its schema, or a file
/// that cannot be written.
pub fn run(query: &Query) -> Result<String> {
    let results = Results::load(&query.results, &[])?;
    let (settings, notes) = comparison::settings(&results);
    let (mut frame, table) = match &query.compare {
        Some(pair) => compare::answer(query, &results, &settings, pair)?,
        None => answer(query, &results, &settings)?,
    };
    if let Some(out) = &query.out {
        let bytes = parquet(out, &mut frame, ("query", 1), &results.inputs)?;
        write(out, &bytes)?;
    }
    for note in results.notes.iter().chain(&notes) {
        eprintln!("note: {note}");
    }
    Ok(markdown::render(&table))
}

/// Answers a query without `--compare`: returns the answer as a data frame with fractions, and the table to print.
fn answer(query: &Query, results: &Results, settings: &[Setting]) -> Result<(DataFrame, Table)> {
    let rows = rows(results, settings).map_err(failed())?;
    let names: Vec<String> = rows
        .schema()
        .iter_names()
        .map(|name| name.to_string())
        .collect();
    for column in &query.group_by {
        known("--group-by", column, &names)?;
    }
    let metrics = metrics(query, &rows)?;
    let conditions: Vec<Condition> = query
        .conditions
        .iter()
        .map(|text| Condition::parse(text, &rows))
        .collect::<Result<_>>()?;
    // Whether the query has a condition on the column or groups by it.
    let mentions = |column: &str| {
        conditions
            .iter()
            .any(|condition| condition.column == column)
            || query.group_by.iter().any(|grouped| grouped == column)
    };
    let mut lazy = rows.clone().lazy();
    for condition in &conditions {
        lazy = lazy.filter(condition.expression.clone());
    }
    if !mentions("split") {
        lazy = lazy.filter(col("split").eq(lit(TEST)));
    }
    if !query.all && !mentions("is_selected") {
        lazy = lazy.filter(col("is_selected"));
    }
    // A row over a group, a class or a size has a value in the columns of that part. A column that the query does
    // not mention must be null, which leaves such rows out. A column that it groups by must have a value. If the
    // query only has a condition on the column, that condition decides. Mentioning one of a size's two columns
    // counts as mentioning both.
    let size = ["size_low", "size_high"];
    let is_sized = size.iter().any(|column| mentions(column));
    for part in PARTS {
        let is_asked = mentions(part) || (is_sized && size.contains(&part));
        lazy = lazy.filter(
            match is_asked && query.group_by.iter().any(|column| column == part) {
                true => col(part).is_not_null(),
                false if is_asked => lit(true),
                false => col(part).is_null(),
            },
        );
    }
    let wanted = metrics
        .iter()
        .map(|metric| col("metric").eq(lit(metric.as_str())));
    let wanted = wanted.reduce(Expr::or).unwrap_or(lit(true));
    let kept = lazy.filter(wanted).collect().map_err(failed())?;
    if !query.group_by.is_empty() && !mentions("precision") {
        refuse_mixed(&kept)?;
    }
    let mut keys = keys(query, &metrics, &mentions);
    if query.group_by.is_empty() && !mentions("precision") && !tells_precision(&kept)? {
        keys.retain(|key| key != "precision");
    }
    // The values of one metric within a group of rows.
    let of = |metric: &String| col("value").filter(col("metric").eq(lit(metric.as_str())));
    let mut aggregates = Vec::new();
    for metric in &metrics {
        aggregates.push(of(metric).mean().alias(metric));
        if !query.group_by.is_empty() {
            aggregates.push(of(metric).std(1).alias(format!("{metric}_std")));
            let counted = of(metric).count().cast(DataType::Int64);
            aggregates.push(counted.alias(format!("{metric}_n")));
        }
    }
    let by: Vec<Expr> = keys.iter().map(col).collect();
    let frame = kept
        .lazy()
        .group_by_stable(by.clone())
        .agg(aggregates)
        .sort_by_exprs(by, SortMultipleOptions::default())
        .collect()
        .map_err(failed())?;
    let measures: Vec<Measure> = metrics
        .iter()
        .map(|name| results.measures.get(name))
        .collect();
    let table = printed(&frame, &keys, &measures, !query.group_by.is_empty()).map_err(failed())?;
    Ok((frame, table))
}

/// Returns the rows of all metrics, each with the columns of its run's `run.parquet`, and with `is_selected`:
/// whether its checkpoint is the one that validation chose. Four columns of the run, which have the same names as
/// columns about the maps, are renamed: `trained_task`, `guided_attribution`, `guided_layer`, `trained_precision`.
fn rows(results: &Results, settings: &[Setting]) -> PolarsResult<DataFrame> {
    // A baseline is in every setting (runs trained and scored alike) of its guided runs; it is taken once.
    let mut taken = BTreeSet::new();
    let chosen: Vec<(&Setting, &Row)> = settings
        .iter()
        .flat_map(|setting| setting.rows.iter().map(move |row| (setting, row)))
        .filter(|(setting, row)| {
            taken.insert(setting.subject(&row.run, row.selection.epoch, Part::All))
        })
        .collect();
    let text = |get: fn(&Setting) -> &str| -> Vec<&str> {
        chosen.iter().map(|(setting, _)| get(setting)).collect()
    };
    let selected = df!(
        "run_id" => chosen.iter().map(|(_, row)| row.run.run_id.as_str()).collect::<Vec<_>>(),
        "checkpoint" => chosen.iter().map(|(_, row)| row.selection.epoch).collect::<Vec<_>>(),
        "task" => text(|setting| &setting.task),
        "attribution" => text(|setting| &setting.attribution),
        "layer" => text(|setting| &setting.layer),
        "precision" => chosen.iter().map(|(setting, _)| setting.precision.as_deref()).collect::<Vec<_>>(),
        "is_selected" => vec![true; chosen.len()],
    )?;
    let runs = results.run_frame.clone().lazy().rename(
        ["task", "attribution", "layer", "precision"],
        [
            "trained_task",
            "guided_attribution",
            "guided_layer",
            "trained_precision",
        ],
        true,
    );
    let by: Vec<Expr> = [
        "run_id",
        "checkpoint",
        "task",
        "attribution",
        "layer",
        "precision",
    ]
    .map(col)
    .to_vec();
    let mut options = JoinArgs::new(JoinType::Left);
    // Precision is null if it is not known; two such rows belong together.
    options.nulls_equal = true;
    results
        .metric_frame
        .clone()
        .lazy()
        .join(
            runs,
            [col("run_id")],
            [col("run_id")],
            JoinArgs::new(JoinType::Left),
        )
        .join(selected.lazy(), by.clone(), by, options)
        .with_column(col("is_selected").fill_null(lit(false)))
        .collect()
}

/// Returns the metrics that the query names, each once, or else those of [`USUAL`] that were measured.
fn metrics(query: &Query, rows: &DataFrame) -> Result<Vec<String>> {
    let column = rows.column("metric").and_then(|column| column.str());
    let measured = values_of(column.map_err(failed())?);
    for metric in &query.metrics {
        known("--metric", metric, &measured)?;
    }
    if !query.metrics.is_empty() {
        return Ok(distinct(query.metrics.iter().map(String::as_str)));
    }
    let usual = USUAL.map(str::to_owned).into_iter();
    Ok(usual.filter(|metric| measured.contains(metric)).collect())
}

/// Whether the column of the maps' precision is worth showing: maps were computed in several precisions,
/// or in another one than their run was trained in.
fn tells_precision(rows: &DataFrame) -> Result<bool> {
    let text = |name: &str| -> PolarsResult<Vec<Option<String>>> {
        let column = rows.column(name)?.str()?;
        Ok(column.iter().map(|text| text.map(str::to_owned)).collect())
    };
    let maps = text("precision").map_err(failed())?;
    let trained = text("trained_precision").map_err(failed())?;
    let differ = maps.windows(2).any(|pair| pair[0] != pair[1]);
    let mut pairs = maps.iter().zip(&trained);
    Ok(differ || pairs.any(|(maps, trained)| maps.is_some() && maps != trained))
}

/// Returns an error if `rows`, of which means are to be taken, have maps of one checkpoint that differ in precision
/// alone, because a mean would count the checkpoint twice.
fn refuse_mixed(rows: &DataFrame) -> Result<()> {
    let key = |name: &str| col(name);
    let by = [
        "run_id",
        "checkpoint",
        "split",
        "task",
        "attribution",
        "layer",
        "group_id",
        "class_id",
        "size_low",
        "metric",
        "threshold",
    ];
    let mixed = rows
        .clone()
        .lazy()
        .group_by(by.map(key))
        .agg([col("precision").n_unique()])
        .filter(col("precision").gt(lit(1)))
        .collect()
        .map_err(failed())?;
    if mixed.height() == 0 {
        return Ok(());
    }
    let texts = rows.column("precision").and_then(|column| column.str());
    let texts = texts.map_err(failed())?;
    let mut values = values_of(texts);
    if texts.null_count() > 0 {
        values.push("none".to_owned());
    }
    Err(Error::Query {
        option: "--group-by".to_owned(),
        found: format!(
            "maps of one checkpoint in several precisions ({})",
            values.join(", ")
        ),
        expected: "precision among the columns, or --where precision=VALUE".to_owned(),
    })
}

/// Returns the columns that rows are grouped by: those of `--group-by`, or else [`SHOWN`] and those of [`PARTS`]
/// and `split` that the query mentions. With the metric `iou_sweep` (IoU at each of many thresholds on the map) the
/// threshold is added.
fn keys(query: &Query, metrics: &[String], mentions: &dyn Fn(&str) -> bool) -> Vec<String> {
    let has_sweep = metrics.iter().any(|metric| metric == "iou_sweep");
    let threshold = has_sweep.then_some("threshold");
    if !query.group_by.is_empty() {
        let asked = query.group_by.iter().map(String::as_str);
        return distinct(asked.chain(threshold));
    }
    let conditional = PARTS
        .into_iter()
        .chain(["split"])
        .filter(|column| mentions(column));
    distinct(SHOWN.into_iter().chain(conditional).chain(threshold))
}

/// Returns the names, of equal ones only the first.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names
        .filter(|name| seen.insert(*name))
        .map(str::to_owned)
        .collect()
}

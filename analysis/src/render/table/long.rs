//! Makes the table of runs (trainings) as a data frame for computing: one row for each run, kind of maps, group of
//! test images and metric. Values are fractions as in `metrics.parquet`, so that rows can be joined with it. It
//! has every reported metric, also those without a column in the printed table. A metric without replicates
//! (values over bootstrap resamples) has no interval.

use std::collections::BTreeSet;

use polars::prelude::*;

use crate::model::loss::Loss;
use crate::model::setting::{Cell, Row, Setting};
use crate::model::subject::{Part, TEST};

/// The rows of `settings` (groups of runs that are trained and scored alike) as a data frame, each at the
/// checkpoint that is reported. `attribution`, `layer` and `precision` are those of the maps. A null
/// `group_id` means all images. `ci_low` and `ci_high` are the ends of the value's 95 % interval. `diff` is
/// the value minus the baseline's, and `diff_low` and `diff_high` are the ends of its interval; they are
/// null where there is none. `n` is the number of pairs or images.
///
/// # Errors
/// Polars' own; none is expected.
pub fn frame(settings: &[Setting]) -> PolarsResult<DataFrame> {
    let mut entries: Vec<(&Setting, &Row, Option<i32>, &str, &Cell)> = Vec::new();
    let mut told = BTreeSet::new();
    for setting in settings {
        for row in &setting.rows {
            // A baseline is in every setting of its guided runs. Its rows are written once.
            if !told.insert(setting.subject(&row.run, row.selection.epoch, Part::All)) {
                continue;
            }
            for (part, block) in row.selected().into_iter().flat_map(|c| &c.blocks) {
                let group = match part {
                    Part::All => None,
                    Part::Group(group) => Some(*group),
                    Part::Class(_) | Part::Size { .. } => continue,
                };
                for (metric, cell) in block {
                    entries.push((setting, row, group, metric, cell));
                }
            }
        }
    }
    let text = |get: for<'a> fn(&'a Setting, &'a Row) -> &'a str| -> Vec<&str> {
        entries
            .iter()
            .map(|(setting, row, ..)| get(setting, row))
            .collect()
    };
    let number = |get: fn(&Cell) -> Option<f64>| -> Vec<Option<f64>> {
        entries.iter().map(|(.., cell)| get(cell)).collect()
    };
    df!(
        "run_id" => text(|_, row| &row.run.run_id),
        "name" => text(|_, row| &row.run.name),
        "dataset" => text(|setting, _| &setting.dataset),
        "backbone" => text(|setting, _| &setting.backbone),
        "task" => text(|setting, _| &setting.task),
        "attribution" => text(|setting, _| &setting.attribution),
        "layer" => text(|setting, _| &setting.layer),
        "precision" => entries.iter().map(|(setting, ..)| setting.precision.as_deref()).collect::<Vec<_>>(),
        "loss" => entries.iter().map(|(_, row, ..)| row.run.loss.as_ref().map(Loss::name)).collect::<Vec<_>>(),
        "lambda" => entries.iter().map(|(_, row, ..)| row.run.lambda).collect::<Vec<_>>(),
        "checkpoint" => entries.iter().map(|(_, row, ..)| row.selection.epoch).collect::<Vec<_>>(),
        "split" => vec![TEST; entries.len()],
        "group_id" => entries.iter().map(|(_, _, group, ..)| *group).collect::<Vec<_>>(),
        "metric" => entries.iter().map(|(.., metric, _)| *metric).collect::<Vec<_>>(),
        "value" => number(|cell| cell.value),
        "ci_low" => number(|cell| cell.interval.map(|i| i.low)),
        "ci_high" => number(|cell| cell.interval.map(|i| i.high)),
        "diff" => number(|cell| cell.difference),
        "diff_low" => number(|cell| cell.difference_interval.map(|i| i.low)),
        "diff_high" => number(|cell| cell.difference_interval.map(|i| i.high)),
        "n" => entries.iter().map(|(.., cell)| cell.n).collect::<Vec<_>>(),
    )
}

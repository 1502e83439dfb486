//! Turns the answer of `analysis query`, a data frame with fractions, into the table that is printed, in percent.

use polars::prelude::*;

use crate::format::counted;
use crate::model::measure::Measure;
use crate::render::table::parts::{self, Cell, Kind, Line, Section, Spread, Table};

/// Makes the table: a column for each of `keys` (columns of the frame that are no metrics), then one for each
/// metric, shares in percent. If the rows are grouped, a metric's cell has mean and standard deviation, and a
/// column with the number of rows follows. `frame` then has the columns `<metric>_std` and `<metric>_n`.
pub(super) fn printed(
    frame: &DataFrame,
    keys: &[String],
    measures: &[Measure],
    is_grouped: bool,
) -> PolarsResult<Table> {
    let mut columns = Vec::new();
    let mut cells: Vec<Vec<Cell>> = Vec::new();
    for key in keys {
        let column = frame.column(key)?;
        let is_count = column.dtype().is_integer();
        let kind = if is_count { Kind::Count } else { Kind::Text };
        columns.push(parts::Column::new("", key.as_str(), kind));
        cells.push(
            (0..frame.height())
                .map(|row| key_cell(column, row))
                .collect::<PolarsResult<_>>()?,
        );
    }
    for measure in measures {
        let (metric, is_share) = (measure.name(), measure.is_share());
        let title = match is_share {
            true => format!("{metric} (%)"),
            false => metric.to_owned(),
        };
        columns.push(parts::Column::new("", title, Kind::Value));
        let number = |name: &str| -> PolarsResult<Vec<Option<f64>>> {
            let column = frame.column(name)?.cast(&DataType::Float64)?;
            Ok(column.f64()?.iter().collect())
        };
        let values = number(metric)?;
        let (stds, counts) = match is_grouped {
            true => (
                number(&format!("{metric}_std"))?,
                number(&format!("{metric}_n"))?,
            ),
            false => (vec![None; values.len()], vec![None; values.len()]),
        };
        let each = values.into_iter().zip(stds).zip(counts);
        let shown = each.map(|((value, std), n)| match (value, n) {
            (None, _) => Cell::Missing,
            (Some(value), _) if !is_share => Cell::Number(value),
            (Some(value), None) => Cell::Share(value, Spread::Unknown),
            (Some(value), Some(n)) => Cell::Share(value, Spread::Seeds { std, n: n as usize }),
        });
        cells.push(shown.collect());
        if is_grouped {
            columns.push(parts::Column::new("", "n", Kind::Count));
            let counts = number(&format!("{metric}_n"))?.into_iter();
            cells.push(
                counts
                    .map(|n| n.map_or(Cell::Missing, |n| Cell::Count(n as i64)))
                    .collect(),
            );
        }
    }
    let line = |row: usize| Line::new(cells.iter().map(|column| column[row].clone()).collect());
    let lines: Vec<Line> = (0..frame.height()).map(line).collect();
    let mut caption = format!("{}.", counted(lines.len(), "row"));
    if is_grouped {
        caption.push_str(" Mean (± standard deviation) and number of rows of each group.");
    }
    Ok(Table {
        name: "query",
        version: 1,
        columns,
        sections: vec![Section {
            heading: String::new(),
            lines,
        }],
        caption,
    })
}

/// The cell of one value of a column that is no metric.
pub(super) fn key_cell(column: &Column, row: usize) -> PolarsResult<Cell> {
    Ok(match column.get(row)? {
        AnyValue::Null => Cell::Missing,
        AnyValue::String(text) => Cell::text(text),
        AnyValue::StringOwned(text) => Cell::text(text.as_str()),
        AnyValue::Boolean(value) => Cell::text(value.to_string()),
        value => match column.dtype().is_integer() {
            true => Cell::Count(value.extract().unwrap_or_default()),
            false => Cell::Number(value.extract().unwrap_or(f64::NAN)),
        },
    })
}

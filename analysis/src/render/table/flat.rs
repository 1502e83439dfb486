//! Turns a table into a data frame for CSV and Parquet: with fractions instead of percent, and the ends of
//! intervals as columns of their own. A printed table may have one column for each metric or loss ("columns
//! alike", which have a [`Series`]). In the frame they become rows with two columns, name and value, so that the
//! columns of the frame do not depend on which metrics or losses the results have.
//!
//! [`Series`]: crate::render::table::parts::Series

use polars::prelude::*;

use crate::model::intervals::Interval;

use crate::render::table::parts::{Cell, Kind, Spread, Table};

/// A row of the frame: the heading of its section; all cells of its line in the table; and which of the columns
/// alike it stands for, as an index into the table's columns, or `None` in a table without such columns.
type Row<'a> = (&'a str, &'a [Cell], Option<usize>);

/// The lines of `table` as a data frame, whose first column is the section's heading. A line becomes one row.
/// In a table with columns alike it becomes a row for each of them whose cell is not missing.
///
/// # Errors
/// Polars' own; none is expected.
pub fn frame(table: &Table) -> PolarsResult<DataFrame> {
    let columns = || table.columns.iter().enumerate();
    let alike: Vec<usize> = columns()
        .filter(|(_, column)| column.series.is_some())
        .map(|(index, _)| index)
        .collect();
    let mut rows: Vec<Row> = Vec::new();
    for section in &table.sections {
        for line in &section.lines {
            let row = |of| (section.heading.as_str(), line.cells.as_slice(), of);
            if alike.is_empty() {
                rows.push(row(None));
            }
            let has_cell = |index: &&usize| line.cells[**index] != Cell::Missing;
            rows.extend(alike.iter().filter(has_cell).map(|index| row(Some(*index))));
        }
    }
    let headings: Vec<&str> = rows.iter().map(|(heading, ..)| *heading).collect();
    let mut frame = vec![Column::new("section".into(), headings)];
    for (index, column) in columns().filter(|(_, column)| column.series.is_none()) {
        let cells: Vec<&Cell> = rows.iter().map(|(_, cells, _)| &cells[index]).collect();
        frame.extend(of_kind(&column.name, column.kind, &cells));
    }
    if let Some(first) = alike.first()
        && let Some(series) = table.columns[*first].series
    {
        let name =
            |index: usize| Some(table.columns[index].name.as_str()).filter(|n| !n.is_empty());
        let names: Vec<Option<&str>> = rows.iter().map(|(.., of)| name((*of)?)).collect();
        frame.push(Column::new(series.key.into(), names));
        let cells: Vec<&Cell> = rows.iter().map(one_of_many).collect();
        frame.extend(of_kind(series.value, table.columns[*first].kind, &cells));
    }
    DataFrame::new(rows.len(), frame)
}

/// The cell of the column alike that the row stands for; a missing cell if it stands for none.
fn one_of_many<'a>((_, cells, of): &Row<'a>) -> &'a Cell {
    static MISSING: Cell = Cell::Missing;
    of.map_or(&MISSING, |index| &cells[index])
}

/// The cells of a table's column as one to three columns of the frame, as [`Kind`] says.
fn of_kind(name: &str, kind: Kind, cells: &[&Cell]) -> Vec<Column> {
    let floats = |suffix: &str, get: fn(&Cell) -> Option<f64>| {
        let values: Vec<Option<f64>> = cells.iter().map(|cell| get(cell)).collect();
        Column::new(format!("{name}{suffix}").into(), values)
    };
    let counts = |suffix: &str, get: fn(&Cell) -> Option<i64>| {
        let values: Vec<Option<i64>> = cells.iter().map(|cell| get(cell)).collect();
        Column::new(format!("{name}{suffix}").into(), values)
    };
    match kind {
        Kind::Text => {
            let texts: Vec<Option<&str>> = cells.iter().map(|cell| text(cell)).collect();
            vec![Column::new(name.into(), texts)]
        }
        Kind::Count => vec![counts("", count)],
        Kind::Value => vec![floats("", value)],
        Kind::Interval => vec![
            floats("", value),
            floats("_low", |cell| interval(cell).map(|i| i.low)),
            floats("_high", |cell| interval(cell).map(|i| i.high)),
        ],
        Kind::Seeds => vec![
            floats("", value),
            floats("_std", |cell| seeds(cell)?.0),
            counts("_n", |cell| Some(seeds(cell)?.1 as i64)),
        ],
    }
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn count(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Count(count) => Some(*count),
        _ => None,
    }
}

fn value(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Number(value)
        | Cell::Share(value, _)
        | Cell::Points(value, _)
        | Cell::Plain(value, _)
        | Cell::Change(value, _) => Some(*value),
        Cell::Missing | Cell::Text(_) | Cell::Count(_) => None,
    }
}

fn spread(cell: &Cell) -> Spread {
    match cell {
        Cell::Share(_, spread)
        | Cell::Points(_, spread)
        | Cell::Plain(_, spread)
        | Cell::Change(_, spread) => *spread,
        _ => Spread::Unknown,
    }
}

fn interval(cell: &Cell) -> Option<Interval> {
    match spread(cell) {
        Spread::Interval(interval) | Spread::OverSeeds(interval) => Some(interval),
        _ => None,
    }
}

fn seeds(cell: &Cell) -> Option<(Option<f64>, usize)> {
    match spread(cell) {
        Spread::Seeds { std, n } => Some((std, n)),
        _ => None,
    }
}

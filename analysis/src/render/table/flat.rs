//! A table for computing: one row a line, fractions, and the ends of intervals as columns of their
//! own. Its columns depend on the table alone, not on what is in it.

use polars::prelude::*;

use crate::model::intervals::Interval;

use crate::render::table::parts::{Cell, Kind, Spread, Table};

/// The lines of `table` as a data frame; its first column is the section's heading.
///
/// # Errors
/// Polars' own; none is expected.
pub fn frame(table: &Table) -> PolarsResult<DataFrame> {
    let lines: Vec<(&str, &[Cell])> = table
        .sections
        .iter()
        .flat_map(|section| {
            let cells = section.lines.iter().map(|line| line.cells.as_slice());
            cells.map(|cells| (section.heading.as_str(), cells))
        })
        .collect();
    let headings: Vec<&str> = lines.iter().map(|(heading, _)| *heading).collect();
    let mut columns = vec![Column::new("section".into(), headings)];
    for (index, column) in table.columns.iter().enumerate() {
        let cells = || lines.iter().map(|(_, cells)| &cells[index]);
        let floats = |suffix: &str, get: fn(&Cell) -> Option<f64>| {
            let name = format!("{}{suffix}", column.name);
            Column::new(name.into(), cells().map(get).collect::<Vec<_>>())
        };
        let counts = |suffix: &str, get: fn(&Cell) -> Option<i64>| {
            let name = format!("{}{suffix}", column.name);
            Column::new(name.into(), cells().map(get).collect::<Vec<_>>())
        };
        match column.kind {
            Kind::Text => {
                let texts: Vec<Option<&str>> = cells().map(text).collect();
                columns.push(Column::new(column.name.into(), texts));
            }
            Kind::Count => columns.push(counts("", count)),
            Kind::Value => columns.push(floats("", value)),
            Kind::Interval => columns.extend([
                floats("", value),
                floats("_low", |cell| interval(cell).map(|i| i.low)),
                floats("_high", |cell| interval(cell).map(|i| i.high)),
            ]),
            Kind::Seeds => columns.extend([
                floats("", value),
                floats("_std", |cell| seeds(cell)?.0),
                counts("_n", |cell| Some(seeds(cell)?.1 as i64)),
            ]),
        }
    }
    DataFrame::new(lines.len(), columns)
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
        Cell::Number(value) | Cell::Share(value, _) | Cell::Points(value, _) => Some(*value),
        Cell::Missing | Cell::Text(_) | Cell::Count(_) => None,
    }
}

fn spread(cell: &Cell) -> Spread {
    match cell {
        Cell::Share(_, spread) | Cell::Points(_, spread) => *spread,
        _ => Spread::Unknown,
    }
}

fn interval(cell: &Cell) -> Option<Interval> {
    match spread(cell) {
        Spread::Interval(interval) => Some(interval),
        _ => None,
    }
}

fn seeds(cell: &Cell) -> Option<(Option<f64>, usize)> {
    match spread(cell) {
        Spread::Seeds { std, n } => Some((std, n)),
        _ => None,
    }
}

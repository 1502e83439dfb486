//! Makes the cells of a table line about one checkpoint: the one that was chosen on validation for a
//! configuration (runs that differ in λ and seed alone). Several exhibits have such tables.

use crate::model::measure::Measure;
use crate::model::setting::Row;
use crate::model::subject::Part;
use crate::render::table::parts::{Cell, Column, Kind};

/// The columns that [`cells`] fills: λ, epoch, each of `measures`, and the difference of each to the
/// baseline.
pub fn columns(measures: &[Measure]) -> Vec<Column> {
    let mut columns = vec![
        Column::new("lambda", "λ", Kind::Value),
        Column::new("epoch", "Epoch", Kind::Count),
    ];
    for measure in measures {
        columns.push(Column::new(
            measure.name(),
            measure.heading(),
            Kind::Interval,
        ));
    }
    for measure in measures {
        let (name, title) = (
            format!("{}_difference", measure.name()),
            format!("Δ {measure}"),
        );
        columns.push(Column::new(name, title, Kind::Interval));
    }
    columns
}

/// Returns the cells of the run `row`: λ and epoch of its selected checkpoint, that checkpoint's test
/// metrics, and their differences to the baseline.
pub fn cells(row: &Row, measures: &[Measure]) -> Vec<Cell> {
    let mut cells = vec![
        row.run.lambda.map_or(Cell::Missing, Cell::Number),
        Cell::Count(row.selection.epoch.into()),
    ];
    let cell = |measure: &Measure| row.cell(Part::All, measure.name());
    let values = measures.iter().map(|measure| {
        cell(measure).map_or(Cell::Missing, |c| Cell::value(measure, c.value, c.interval))
    });
    cells.extend(values);
    let differences = measures.iter().map(|measure| {
        cell(measure).map_or(Cell::Missing, |c| {
            Cell::difference(measure, c.difference, c.difference_interval)
        })
    });
    cells.extend(differences);
    cells
}

/// The words on these columns for a table's caption.
pub const CAPTION: &str = "Of each configuration the checkpoint that validation prefers over \
     epochs and λ: the highest validation EPG of those that lose at most 1 point of the baseline's \
     validation F1, else the highest validation F1. Test metrics in percent with 95 % bootstrap \
     intervals over images; Δ: difference to the baseline in points, with paired intervals.";

//! The cells of a table about the checkpoint that stands for a configuration.

use crate::model::names::Measure;
use crate::model::setting::Row;
use crate::model::subject::Part;
use crate::render::table::parts::{Cell, Column, Kind};

/// Columns of [`cells`].
pub fn columns(measures: &[Measure]) -> Vec<Column> {
    let mut columns = vec![
        Column::new("lambda", "λ", Kind::Value),
        Column::new("epoch", "Epoch", Kind::Count),
    ];
    for measure in measures {
        let (name, title) = (measure.spelling(), format!("{measure} (%)"));
        columns.push(Column::new(name, title, Kind::Interval));
    }
    for measure in measures {
        let (name, title) = (difference(*measure), format!("Δ {measure}"));
        columns.push(Column::new(name, title, Kind::Interval));
    }
    columns
}

/// The column of a measure's differences to the baseline.
fn difference(measure: Measure) -> &'static str {
    match measure {
        Measure::F1 => "f1_difference",
        Measure::Map => "map_difference",
        Measure::Accuracy => "accuracy_difference",
        Measure::Epg => "epg_difference",
        Measure::Iou => "iou_difference",
        Measure::IouTuned => "iou_tuned_difference",
        Measure::SegmentEpg => "segment_epg_difference",
        Measure::OnObject => "on_object_difference",
    }
}

/// λ and epoch of `row`'s selected checkpoint, its test metrics, and their differences to the
/// baseline.
pub fn cells(row: &Row, measures: &[Measure]) -> Vec<Cell> {
    let mut cells = vec![
        row.run.lambda.map_or(Cell::Missing, Cell::Number),
        Cell::Count(row.selection.epoch.into()),
    ];
    let cell = |measure: &Measure| row.cell(Part::All, *measure);
    cells.extend(
        measures.iter().map(|measure| {
            cell(measure).map_or(Cell::Missing, |c| Cell::share(c.value, c.interval))
        }),
    );
    cells.extend(measures.iter().map(|measure| {
        cell(measure).map_or(Cell::Missing, |c| {
            Cell::points(c.difference, c.difference_interval)
        })
    }));
    cells
}

/// What [`cells`] are.
pub const CAPTION: &str = "Of each configuration the checkpoint that validation prefers over \
     epochs and λ: the highest validation EPG of those that lose at most 1 point of the baseline's \
     validation F1, else the highest validation F1. Test metrics in percent with 95 % bootstrap \
     intervals over images; Δ: difference to the baseline in points, with paired intervals.";

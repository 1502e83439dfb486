//! Makes the table of runs (trainings): test metrics of each baseline and each guided run, at the checkpoint
//! selected on validation, with 95 % intervals and differences to the baseline, over all test images and over each
//! group of them. A setting (runs trained and scored alike) has a section for all images and one for each group.
//! [`super::long`] makes the same table for computing.

use crate::format::number;
use crate::load::schema::TABLE;
use crate::model::evidence::Evidence;
use crate::model::measure::{COUNTS, IOU, IOU_TUNED, Measure};
use crate::model::names;
use crate::model::select::Rule;
use crate::model::setting::{Cell as Measured, Row, Setting};
use crate::model::subject::Part;
use crate::render::table::parts::{Cell, Column, Kind, Line, LineKind, Section, Table};

/// The label of a line of differences.
const DIFFERENCE: &str = "difference to baseline";
/// The mark of a guided run's epoch that was chosen by validation F1 ([`Rule::HighestF1`]), because no checkpoint
/// had a validation F1 within 1 percentage point of the baseline's, or because there is no baseline.
const FALLBACK: &str = "†";

/// The table of all runs.
pub fn table(evidence: &Evidence) -> Table {
    let settings = evidence.settings;
    let measures = evidence.measures();
    let mut columns = vec![
        Column::new("run", "Run", Kind::Text),
        Column::new("epoch", "Epoch", Kind::Count),
    ];
    for measure in &measures {
        let column = Column::new(measure.name(), measure.heading(), Kind::Interval);
        columns.push(column);
    }
    let mut sections = Vec::new();
    for setting in settings {
        let whole = (Part::All, "all test images".to_owned());
        let groups = setting
            .groups
            .iter()
            .map(|(id, name)| (Part::Group(*id), names::group(name)));
        for (part, images) in std::iter::once(whole).chain(groups) {
            let rows = setting.rows.iter().filter(|row| row.has(part));
            let lines: Vec<Line> = rows.flat_map(|row| lines(row, part, &measures)).collect();
            if !lines.is_empty() {
                let heading = format!("{} · {images}", setting.title());
                sections.push(Section { heading, lines });
            }
        }
    }
    Table {
        name: "table",
        version: TABLE.version,
        columns,
        caption: caption(settings),
        sections,
    }
}

/// Returns a run's line of values and, if it is compared with a baseline, its line of differences below.
fn lines(row: &Row, part: Part, measures: &[Measure]) -> Vec<Line> {
    let cells = |label: &str, epoch: String, cell: fn(&Measure, &Measured) -> Cell| {
        let metrics = measures.iter().map(|measure| {
            let measured = row.cell(part, measure.name());
            measured.map_or(Cell::Missing, |measured| cell(measure, measured))
        });
        [Cell::text(label), Cell::text(epoch)]
            .into_iter()
            .chain(metrics)
            .collect()
    };
    let epoch = match row.selection.rule {
        Rule::Baseline | Rule::HighestEpg => row.selection.epoch.to_string(),
        Rule::HighestF1 => format!("{}{FALLBACK}", row.selection.epoch),
    };
    let values = Line::new(cells(&row.label, epoch, |measure, cell| {
        Cell::value(measure, cell.value, cell.interval)
    }));
    if row.baseline.is_none() {
        return vec![values];
    }
    let differences = Line {
        cells: cells(DIFFERENCE, String::new(), |measure, cell| {
            Cell::difference(measure, cell.difference, cell.difference_interval)
        }),
        kind: LineKind::Below,
    };
    vec![values, differences]
}

/// The caption. It also names IoU's threshold, and explains the mark and the metrics that occur.
fn caption(settings: &[Setting]) -> String {
    let mut caption =
        "Test metrics in percent with 95 % bootstrap intervals over images in brackets; \
         differences to the baseline in percentage points with paired intervals. One \
         checkpoint per run, selected on validation."
            .to_owned();
    let rows = || settings.iter().flat_map(|setting| &setting.rows);
    let thresholds = rows().filter_map(|row| row.cell(Part::All, IOU)?.threshold);
    let mut thresholds: Vec<String> = thresholds.map(number).collect();
    thresholds.sort();
    thresholds.dedup();
    if !thresholds.is_empty() {
        caption.push_str(&format!(" IoU at threshold {}.", thresholds.join(" or ")));
    }
    if rows().any(|row| row.cell(Part::All, IOU_TUNED).is_some()) {
        caption.push_str(" IoU, tuned: at the threshold that is best on validation.");
    }
    caption.push_str(&zeros(settings));
    if rows().any(|row| row.selection.rule == Rule::HighestF1) {
        caption.push_str(&format!(" {FALLBACK} The checkpoint with the best validation F1: none was within 1 point of a baseline's, or there is no baseline."));
    }
    caption
}

/// A sentence on the pairs (an image and a class on it) that EPG counts as 0: for each reason, the largest
/// number that any run has. Empty if no run has such pairs.
fn zeros(settings: &[Setting]) -> String {
    let mut reasons = Vec::new();
    for (count, words) in COUNTS {
        let of_rows = settings.iter().flat_map(|setting| {
            let rows = setting.rows.iter();
            rows.filter_map(move |row| {
                let metrics = &row.selected()?.counts;
                let metric = metrics.iter().find(|metric| metric.metric == count)?;
                let n = metric.value.filter(|n| *n > 0.0)?;
                Some((n, metric.n, format!("{}, {}", row.label, setting.title())))
            })
        });
        // The run with the largest number, of equal ones the first.
        let most = of_rows.reduce(|most, other| if other.0 > most.0 { other } else { most });
        if let Some((n, pairs, title)) = most {
            reasons.push(format!("{} of {pairs} {words} ({title})", number(n)));
        }
    }
    match reasons.is_empty() {
        true => String::new(),
        false => format!(
            " Pairs counted as 0 in EPG, at most of any run: {}.",
            reasons.join("; ")
        ),
    }
}

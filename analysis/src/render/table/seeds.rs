//! Makes the table of repeated runs: trainings that differ in the seed alone share a line with mean and standard
//! deviation of their metrics, each run at the checkpoint selected on validation.

use crate::model::evidence::Evidence;
use crate::model::measure::Measure;
use crate::model::names;
use crate::model::seeds::{moments, repeats};
use crate::model::setting::Row;
use crate::model::subject::Part;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Series, Spread, Table};

/// The names of the two columns that hold the metrics in CSV and Parquet: which metric, and its value.
const METRICS: Series = Series {
    key: "metric",
    value: "value",
};

/// The table; `None` where no two runs differ only in the seed.
pub fn table(evidence: &Evidence) -> Option<Table> {
    let measures = evidence.measures();
    let mut columns = vec![
        Column::new("run", "Run", Kind::Text),
        Column::new("seeds", "Seeds", Kind::Count),
    ];
    let column = |m: &Measure| Column::new(m.name(), m.heading(), Kind::Seeds).of(METRICS);
    columns.extend(measures.iter().map(column));
    let mut sections = Vec::new();
    for setting in evidence.settings {
        let repeated: Vec<Vec<&Row>> = repeats(&setting.rows)
            .into_iter()
            .filter(|rows| rows.len() > 1)
            .collect();
        let whole = (Part::All, "all test images".to_owned());
        let parts = setting.groups.iter();
        let parts = parts.map(|(id, name)| (Part::Group(*id), names::group(name)));
        for (part, images) in std::iter::once(whole).chain(parts) {
            let label = |rows: &Vec<&Row>| {
                let (attribution, layer) = setting.method();
                rows[0].run.label(attribution, layer)
            };
            let labels: Vec<String> = repeated.iter().map(label).collect();
            let lines: Vec<Line> = repeated
                .iter()
                .zip(&labels)
                .map(|(rows, label)| {
                    // Runs of two configurations may have the same label; then the line also names the
                    // configuration (the hash of all that decides a run but λ and seed).
                    let is_own = labels.iter().filter(|other| *other == label).count() == 1;
                    let apart = format!("{label}, configuration {}", rows[0].run.configuration);
                    line(if is_own { label } else { &apart }, rows, part, &measures)
                })
                .collect();
            if !lines.is_empty() {
                let heading = format!("{} · {images}", setting.title());
                sections.push(Section { heading, lines });
            }
        }
    }
    (!sections.is_empty()).then(|| Table {
        name: "seeds",
        version: 2,
        columns,
        sections,
        caption: "Test metrics in percent of runs that differ only in the seed, mean (± sample \
                  standard deviation), each at the checkpoint selected on validation."
            .to_owned(),
    })
}

/// Returns the line of one group of runs that differ in the seed alone.
fn line(label: &str, rows: &[&Row], part: Part, measures: &[Measure]) -> Line {
    let cell = |measure: &Measure| {
        let values = rows
            .iter()
            .filter_map(|row| row.cell(part, measure.name())?.value);
        let found = moments(&values.collect::<Vec<f64>>());
        found.map_or(Cell::Missing, |m| {
            Cell::of(measure, m.mean, Spread::Seeds { std: m.std, n: m.n })
        })
    };
    let mut cells = vec![Cell::text(label), Cell::count(rows.len())];
    cells.extend(measures.iter().map(cell));
    Line::new(cells)
}

//! Runs that differ only in the seed, as one line: mean and standard deviation of what they reach, each
//! at the checkpoint selected on validation.

use crate::model::names::{self, Measure};
use crate::model::seeds::{groups, moments};
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Spread, Table};

/// The table; `None` where no two runs differ only in the seed.
pub fn table(settings: &[Setting]) -> Option<Table> {
    let mut columns = vec![
        Column::new("run", "Run", Kind::Text),
        Column::new("seeds", "Seeds", Kind::Count),
    ];
    let column = |m: Measure| Column::new(m.spelling(), format!("{m} (%)"), Kind::Seeds);
    columns.extend(Measure::ALL.map(column));
    let mut sections = Vec::new();
    for setting in settings {
        let repeated: Vec<Vec<&Row>> = groups(&setting.rows)
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
                    let is_own = labels.iter().filter(|other| *other == label).count() == 1;
                    let apart = format!("{label}, configuration {}", rows[0].run.configuration);
                    line(if is_own { label } else { &apart }, rows, part)
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
        columns,
        sections,
        caption: "Test metrics in percent of runs that differ only in the seed, mean (± sample \
                  standard deviation), each at the checkpoint selected on validation."
            .to_owned(),
    })
}

fn line(label: &str, rows: &[&Row], part: Part) -> Line {
    let cell = |measure: Measure| {
        let values = rows.iter().filter_map(|row| row.cell(part, measure)?.value);
        let found = moments(&values.collect::<Vec<f64>>());
        found.map_or(Cell::Missing, |m| {
            Cell::Share(m.mean, Spread::Seeds { std: m.std, n: m.n })
        })
    };
    let mut cells = vec![Cell::text(label), Cell::count(rows.len())];
    cells.extend(Measure::ALL.map(cell));
    Line::new(cells)
}

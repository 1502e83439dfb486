//! Makes the exhibit `stability`: how much F1 and EPG depend on λ and on the seed. It shows every run of a
//! configuration (runs that differ in λ and seed alone) at the checkpoint chosen on validation. The paper
//! pools the three λ of a configuration into one front (section 4); here each λ and seed is separate.

use std::collections::BTreeSet;

use crate::exhibit::entry::{Entry, Made};
use crate::format::number;
use crate::model::configuration::Amount;
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, F1, Measure};
use crate::model::run_sets::{RunSet, plain};
use crate::model::seeds::{moments, repeats};
use crate::model::setting::{Cell as Measured, Row, Setting};
use crate::model::subject::Part;
use crate::render::figure::grid::{Dot, Grid, Path, Plot, Quantity, Scale, plot_size};
use crate::render::figure::style::Emphasis;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Spread, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "stability",
    title: "How far results depend on λ and seed",
    about: "F1 and EPG of every λ and seed, each at the checkpoint that validation prefers",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// A setting (runs trained and scored alike), and its configurations that have several runs.
type Repeated<'a> = (&'a Setting, Vec<RunSet<'a>>);

/// Makes the figure and the table; `Err` says that no configuration has two runs.
fn make(evidence: &Evidence) -> Made {
    let repeated = evidence.settings.iter().map(|setting| {
        let mut run_sets = plain(setting);
        run_sets.retain(|run_set| run_set.rows.len() > 1);
        (setting, run_sets)
    });
    let repeated: Vec<Repeated> = repeated
        .filter(|(_, run_sets)| !run_sets.is_empty())
        .collect();
    if repeated.is_empty() {
        return Err("no two scored runs differ in λ or seed alone".to_owned());
    }
    let measures = [F1, EPG].map(|name| evidence.measure(name));
    let panels = repeated.iter().flat_map(|repeated| {
        let plot = |measure| Some(plot(repeated, measure));
        measures.iter().map(plot).collect::<Vec<_>>()
    });
    let grid = Grid {
        name: "stability",
        columns: measures.len(),
        plot: plot_size(measures.len()),
        panels: panels.collect(),
        scale: Scale::Own,
        tones: Vec::new(),
        caption: "Test F1 and EPG of every run at the checkpoint that validation prefers, by λ; a \
                  line joins the means over seeds of a configuration."
            .to_owned(),
    };
    let table = table(&repeated, &measures);
    Ok((grid.draw().into_iter().collect(), vec![table]))
}

/// The weight of the localization loss of a run; 0 for a baseline.
fn lambda(row: &Row) -> f64 {
    row.run.lambda.unwrap_or(0.0)
}

/// Draws a panel: a point for each run at its λ, and for each configuration a line through the means over
/// seeds.
fn plot((setting, configurations): &Repeated, measure: &Measure) -> Plot {
    let rows = configurations.iter().flat_map(|run_set| &run_set.rows);
    let lambdas: BTreeSet<Amount> = rows.map(|row| Amount(lambda(row))).collect();
    let lambdas: Vec<Amount> = lambdas.into_iter().collect();
    // The place of the run's λ on the horizontal axis, which has the names of all λ at 0, 1, 2, …
    let position = |row: &Row| {
        let own = Amount(lambda(row));
        lambdas.iter().position(|other| *other == own).unwrap_or(0) as f64
    };
    let value = |row: &Row| Some(row.cell(Part::All, measure.name())?.value? * 100.0);
    let names = lambdas.iter().map(|lambda| number(lambda.0)).collect();
    let mut plot = Plot {
        title: setting.title(),
        x: Quantity::Names("λ".to_owned(), names),
        y: Quantity::Percent(measure.heading()),
        baseline: None,
        paths: Vec::new(),
        dots: Vec::new(),
    };
    for configuration in configurations {
        let mut means = Vec::new();
        for rows in repeats(configuration.rows.iter().copied()) {
            let values: Vec<f64> = rows.iter().filter_map(|row| value(row)).collect();
            means.extend(moments(&values).map(|found| (position(rows[0]), found.mean)));
            plot.dots.extend(values.iter().map(|value| Dot {
                at: (position(rows[0]), *value),
                across: None,
                up: None,
                loss: configuration.loss().cloned(),
                tone: 0,
                emphasis: Emphasis::Front,
            }));
        }
        means.sort_by(|a, b| a.0.total_cmp(&b.0));
        plot.paths.push(Path {
            points: means,
            loss: configuration.loss().cloned(),
            tone: 0,
        });
    }
    plot
}

/// Makes a table with a line for each configuration and λ, over its seeds.
fn table(repeated: &[Repeated], measures: &[Measure]) -> Table {
    let mut columns = vec![
        Column::new("loss", "Loss", Kind::Text),
        Column::new("lambda", "λ", Kind::Value),
        Column::new("seeds", "Seeds", Kind::Count),
    ];
    let value = |m: &Measure| Column::new(m.name(), m.heading(), Kind::Seeds);
    columns.extend(measures.iter().map(value));
    let difference = |measure: &Measure| {
        let name = format!("{}_difference", measure.name());
        Column::new(name, format!("Δ {measure}"), Kind::Seeds)
    };
    columns.extend(measures.iter().map(difference));
    let section = |(setting, configurations): &Repeated| {
        let lines = configurations.iter().flat_map(|configuration| {
            let by_lambda = repeats(configuration.rows.iter().copied()).into_iter();
            by_lambda.map(move |rows| line(configuration, &rows, measures))
        });
        Section {
            heading: setting.title(),
            lines: lines.collect(),
        }
    };
    Table {
        name: "stability",
        version: 1,
        columns,
        sections: repeated.iter().map(section).collect(),
        caption: "Test F1 and EPG in percent by λ, mean (± sample standard deviation) over seeds, each \
                  run at the checkpoint that validation prefers; Δ: difference to their baseline in points."
            .to_owned(),
    }
}

/// Makes the line of `rows`, which are runs that differ only in the seed: mean and deviation of each metric,
/// and of its difference to the baseline.
fn line(configuration: &RunSet, rows: &[&Row], measures: &[Measure]) -> Line {
    let over_seeds = |measure: &Measure, get: fn(&Measured) -> Option<f64>| {
        let values = rows
            .iter()
            .filter_map(|row| get(row.cell(Part::All, measure.name())?));
        let found = moments(&values.collect::<Vec<f64>>())?;
        let spread = Spread::Seeds {
            std: found.std,
            n: found.n,
        };
        Some((found.mean, spread))
    };
    let mut cells = vec![
        Cell::text(configuration.label()),
        Cell::Number(lambda(rows[0])),
        Cell::count(rows.len()),
    ];
    cells.extend(measures.iter().map(|measure| {
        over_seeds(measure, |cell| cell.value).map_or(Cell::Missing, |(mean, spread)| {
            Cell::of(measure, mean, spread)
        })
    }));
    cells.extend(measures.iter().map(|measure| {
        over_seeds(measure, |cell| cell.difference)
            .map_or(Cell::Missing, |(mean, spread)| Cell::Points(mean, spread))
    }));
    Line::new(cells)
}

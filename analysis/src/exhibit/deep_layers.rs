//! Makes the exhibit `deep_layers` (paper, Fig. 8). Networks that were guided through maps of a deeper layer are
//! scored by their maps of the input, beside networks guided at the input. The table also has the time of a training
//! step, where steps were timed in turn, and the seconds that an epoch of each took.

use std::collections::BTreeSet;

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::chosen;
use crate::exhibit::shared::pareto::{self, Series, plot, point};
use crate::model::configuration::Layer;
use crate::model::evidence::Evidence;
use crate::model::front::front;
use crate::model::intervals::percentile;
use crate::model::measure::{EPG, F1};
use crate::model::names;
use crate::model::results::Results;
use crate::model::run_sets::{RunSet, deep, seconds, times_as_long};
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::render::figure::grid::{Dot, Grid, Path, Plot, Scale, plot_size};
use crate::render::figure::style::Emphasis;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "deep_layers",
    title: "Guidance at deeper layers",
    about: "Input maps of networks guided at deeper layers, and the time it takes (Fig. 8)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes the figure and the table. They need runs that were guided at another layer than the input and
/// scored by maps of the input.
fn make(evidence: &Evidence) -> Made {
    // A setting holds runs trained and scored alike; here, scored through maps of the input.
    let at_input = evidence.settings.iter().filter(|s| s.layer == "input");
    let settings: Vec<&Setting> = at_input
        .filter(|setting| {
            deep(setting)
                .iter()
                .any(|g| g.configuration.layer.spelling() != "input")
        })
        .collect();
    if settings.is_empty() {
        return Err("no run guided at another layer was scored at the input".to_owned());
    }
    let figure = figure(evidence, &settings).draw();
    let table = table(evidence, &settings);
    Ok((figure.into_iter().collect(), vec![table]))
}

/// The figure: a row of panels for each setting (runs trained and scored alike), in it a panel for each
/// deeper layer that was guided.
fn figure(evidence: &Evidence, settings: &[&Setting]) -> Grid {
    let layers: BTreeSet<Layer> = settings
        .iter()
        .flat_map(|setting| deep(setting))
        .map(|run_set| run_set.configuration.layer)
        .filter(|layer| layer.spelling() != "input")
        .collect();
    let mut panels = Vec::new();
    for setting in settings {
        for layer in &layers {
            // The configurations (runs that differ in λ and seed alone) guided at a layer.
            let of = |wanted: &str| -> Vec<RunSet> {
                let mut run_sets = deep(setting);
                run_sets.retain(|run_set| run_set.configuration.layer.spelling() == wanted);
                run_sets
            };
            let guided = of(layer.spelling());
            if guided.is_empty() {
                panels.push(None);
                continue;
            }
            let title = setting.with_apart(match settings.len() {
                1 => format!("Guided at {layer}"),
                _ => format!("{} · guided at {layer}", setting.backbone),
            });
            let losses: BTreeSet<_> = guided
                .iter()
                .map(|run_set| run_set.configuration.loss.clone())
                .collect();
            let series = [Series {
                run_sets: guided,
                tone: 0,
            }];
            let mut panel = plot(title, setting, Part::All, &evidence.measure(EPG), &series);
            let at_input = of("input")
                .into_iter()
                .filter(|g| losses.contains(&g.configuration.loss));
            at_input.for_each(|run_set| dash(&mut panel, &run_set));
            panels.push(Some(panel));
        }
    }
    Grid {
        name: "deep_layers",
        columns: layers.len(),
        plot: plot_size(layers.len()),
        panels,
        scale: Scale::SharedByRow,
        tones: vec![
            "guided at that layer".to_owned(),
            "guided at the input".to_owned(),
        ],
        caption: format!(
            "EPG of the input's maps against F1 after guidance at deeper layers; dashed: the front \
             of guidance at the input. Panels of a row have the same axes. {}",
            pareto::CAPTION
        ),
    }
}

/// Adds the Pareto front of `run_set`, which was guided at the input: dashed and pale, which is tone 1.
fn dash(panel: &mut Plot, run_set: &RunSet) {
    let checkpoints = run_set.rows.iter().flat_map(|row| &row.checkpoints);
    let points: Vec<(f64, f64)> = checkpoints
        .filter_map(|checkpoint| point(checkpoint, Part::All, EPG))
        .collect();
    let points: Vec<(f64, f64)> = front(&points)
        .into_iter()
        .map(|index| points[index])
        .collect();
    panel.dots.extend(points.iter().map(|at| Dot {
        at: *at,
        across: None,
        up: None,
        loss: run_set.loss().cloned(),
        tone: 1,
        emphasis: Emphasis::Plain,
    }));
    panel.paths.push(Path {
        points,
        loss: run_set.loss().cloned(),
        tone: 1,
    });
}

/// The table: a line for each baseline, and for each loss at each layer that it was guided at.
fn table(evidence: &Evidence, settings: &[&Setting]) -> Table {
    let results = evidence.results;
    let measures = [F1, EPG].map(|name| evidence.measure(name));
    let mut columns = vec![
        Column::new("loss", "Loss", Kind::Text),
        Column::new("layer", "Guided at", Kind::Text),
        Column::new("step_time", "Time of a step", Kind::Value),
        Column::new("seconds", "Seconds an epoch", Kind::Value),
    ];
    columns.extend(chosen::columns(&measures));
    let section = |setting: &&Setting| {
        let run_sets = deep(setting);
        let mut lines = Vec::new();
        for row in setting.rows.iter().filter(|row| row.run.is_baseline()) {
            let label = vec![
                Cell::text(&row.label),
                Cell::text(""),
                Cell::Missing,
                time(results, &[row]),
            ];
            lines.push(Line::new([label, chosen::cells(row, &measures)].concat()));
        }
        for run_set in &run_sets {
            let Some(row) = run_set.chosen() else {
                continue;
            };
            let at_input = run_sets.iter().find(|other| {
                other.configuration.layer.spelling() == "input"
                    && other.loss_label() == run_set.loss_label()
            });
            let label = vec![
                Cell::maybe_text(run_set.loss_label()),
                Cell::text(names::layer(run_set.configuration.layer.spelling())),
                at_input.map_or(Cell::Missing, |input| step_time(results, run_set, input)),
                time(results, &run_set.rows),
            ];
            lines.push(Line::new([label, chosen::cells(row, &measures)].concat()));
        }
        Section {
            heading: setting.title(),
            lines,
        }
    };
    Table {
        name: "deep_layers",
        version: 3,
        columns,
        sections: settings.iter().map(section).collect(),
        caption: format!(
            "Metrics of the input's maps. Time of a step: median over rounds in which a training step of each was \
             made in turn; guided at the input it is 1. Seconds: median over epochs, training and validation, \
             beside whatever else the machine did then, so that they cannot be compared. {}",
            chosen::CAPTION
        ),
    }
}

/// The median over rounds of the time of a step of `run_set` as a part of that guided at the input, to two decimals.
fn step_time(results: &Results, run_set: &RunSet, input: &RunSet) -> Cell {
    let mut parts = times_as_long(results, run_set, input);
    parts.sort_by(f64::total_cmp);
    match parts.is_empty() {
        true => Cell::Missing,
        false => Cell::Number((percentile(&parts, 0.5) * 100.0).round() / 100.0),
    }
}

/// The median of the seconds that an epoch of runs takes, to two decimals.
fn time(results: &Results, rows: &[&Row]) -> Cell {
    let median = seconds(results, rows.iter().map(|row| &row.run));
    median.map_or(Cell::Missing, |seconds| {
        Cell::Number((seconds * 100.0).round() / 100.0)
    })
}

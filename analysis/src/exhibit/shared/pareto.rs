//! Draws Pareto fronts of a localization metric against F1 (paper, Fig. 5 to 7), for the exhibits `epg_f1`,
//! `iou_f1` and `map_f1`; other exhibits use its panels. There is a panel for each setting (runs of one
//! network, method and layer, trained and scored alike). In it each scored checkpoint is a point, the
//! baseline a cross, and a line joins the points on a loss's front.

use std::collections::BTreeSet;

use crate::exhibit::entry::Made;
use crate::exhibit::shared::chosen;
use crate::model::configuration::Layer;
use crate::model::evidence::Evidence;
use crate::model::front::front;
use crate::model::measure::{F1, Measure};
use crate::model::run_sets::{RunSet, plain};
use crate::model::setting::{Checkpoint, Row, Setting, at_ends, preferred};
use crate::model::subject::Part;
use crate::render::figure::grid::{Dot, Grid, Path, Plot, Quantity, Scale, plot_size};
use crate::render::figure::style::Emphasis;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Table};

/// The metric that is plotted against F1.
pub struct Against {
    /// The name of figure and table.
    pub name: &'static str,
    /// The figure of groups of test images, where there is one.
    pub groups_name: Option<&'static str>,
    /// The candidates of the metric; the first measured one is used.
    pub metrics: &'static [&'static str],
}

impl Against {
    /// Returns the first of the candidates that all runs of `settings` have, or else the last candidate.
    fn metric(&self, settings: &[&Setting]) -> &'static str {
        let has = |metric: &&&str| {
            let rows = || settings.iter().flat_map(|setting| &setting.rows);
            rows().next().is_some() && rows().all(|row| row.cell(Part::All, metric).is_some())
        };
        let last = self.metrics[self.metrics.len() - 1];
        self.metrics.iter().find(has).copied().unwrap_or(last)
    }
}

/// A series of a panel: configurations (runs that differ in λ and seed alone) drawn in one tone.
pub struct Series<'a> {
    /// The runs of each configuration.
    pub run_sets: Vec<RunSet<'a>>,
    /// The number of the tone (a shade of the loss's colour and a dash pattern): 0 is the full colour, solid.
    pub tone: usize,
}

/// Makes the panel of `series` in `setting`: `measure` against F1 over `part` of the test images. Each
/// seed of a configuration has a front of its own. Each seed's baseline is a cross; the coloured ground marks what
/// is better and what is worse than the mean of the baselines.
pub fn plot(
    title: String,
    setting: &Setting,
    part: Part,
    measure: &Measure,
    series: &[Series],
) -> Plot {
    let at = |checkpoint: &Checkpoint| point(checkpoint, part, measure.name());
    let crosses: Vec<(f64, f64)> = setting
        .rows
        .iter()
        .filter(|row| row.run.is_baseline())
        .filter_map(|row| at(row.selected()?))
        .collect();
    let cross = |at: &(f64, f64)| Dot {
        at: *at,
        across: None,
        up: None,
        loss: None,
        tone: 0,
        emphasis: Emphasis::Selected,
    };
    let n = crosses.len().max(1) as f64;
    let mean = |get: fn(&(f64, f64)) -> f64| crosses.iter().map(get).sum::<f64>() / n;
    let mut plot = Plot {
        title,
        x: Quantity::Percent("F1 (%)".to_owned()),
        y: Quantity::Percent(measure.heading()),
        baseline: (!crosses.is_empty()).then(|| (mean(|at| at.0), mean(|at| at.1))),
        paths: Vec::new(),
        dots: crosses.iter().map(cross).collect(),
    };
    for Series { run_sets, tone } in series {
        for run_set in run_sets {
            let seeds: BTreeSet<i64> = run_set.rows.iter().map(|row| row.run.seed).collect();
            for seed in seeds {
                let rows = run_set.rows.iter().filter(|row| row.run.seed == seed);
                let rows: Vec<&Row> = rows.copied().collect();
                add_front(&mut plot, &rows, part, measure.name(), *tone);
            }
        }
    }
    plot
}

/// Adds to `plot` the points of `rows`, which are runs that differ only in λ (the weight of the localization loss),
/// and their Pareto front. The checkpoint chosen on validation is emphasized.
fn add_front(plot: &mut Plot, rows: &[&Row], part: Part, metric: &str, tone: usize) {
    let chosen = preferred(rows.iter().copied());
    let mut points: Vec<((f64, f64), &Row, &Checkpoint)> = Vec::new();
    for row in rows {
        for checkpoint in &row.checkpoints {
            points.extend(point(checkpoint, part, metric).map(|at| (at, *row, checkpoint)));
        }
    }
    let coordinates: Vec<(f64, f64)> = points.iter().map(|(at, ..)| *at).collect();
    let on_front = front(&coordinates);
    plot.paths.push(Path {
        points: on_front.iter().map(|index| coordinates[*index]).collect(),
        loss: rows[0].run.loss.clone(),
        tone,
    });
    for (index, (at, row, checkpoint)) in points.into_iter().enumerate() {
        let is_chosen = chosen.is_some_and(|chosen| {
            (&chosen.run.run_id, chosen.selection.epoch) == (&row.run.run_id, checkpoint.epoch)
        });
        let emphasis = match (is_chosen, on_front.contains(&index)) {
            (true, _) => Emphasis::Selected,
            (false, true) => Emphasis::Front,
            (false, false) => Emphasis::Plain,
        };
        // The ends of the bootstrap interval in percent, of the chosen checkpoint alone.
        let ends = |metric| {
            let interval = checkpoint
                .cell(part, metric)?
                .interval
                .filter(|_| is_chosen)?;
            Some((interval.low * 100.0, interval.high * 100.0))
        };
        plot.dots.push(Dot {
            at,
            across: ends(F1),
            up: ends(metric),
            loss: row.run.loss.clone(),
            tone,
            emphasis,
        });
    }
}

/// Returns F1 and another metric of a checkpoint over `part`, in percent; `None` if one of them is missing.
pub fn point(checkpoint: &Checkpoint, part: Part, metric: &str) -> Option<(f64, f64)> {
    let value = |metric| Some(checkpoint.cell(part, metric)?.value? * 100.0);
    Some((value(F1)?, value(metric)?))
}

/// The caption's words on points, lines and backgrounds.
pub const CAPTION: &str = "One point for each scored checkpoint of the validation Pareto set \
     over epochs and λ; a line joins those that no other of the loss dominates on test: a picture \
     through test points, on which no verdict rests. Large, outlined points are the checkpoints that \
     validation prefers, with 95 % bootstrap intervals over test images. White cross: baseline; green \
     ground: better than it in both metrics; grey ground: worse in both.";

/// The reason if there is nothing to show.
const NO_RUNS: &str = "no scored run was guided through the maps it was scored through";

/// Makes the figures and the table of an exhibit, from the settings that have runs guided through the
/// maps that they are scored through.
pub fn make(evidence: &Evidence, against: &Against) -> Made {
    let has_runs = |setting: &&Setting| !plain(setting).is_empty();
    let settings: Vec<&Setting> = evidence.settings.iter().filter(has_runs).collect();
    if settings.is_empty() {
        return Err(NO_RUNS.to_owned());
    }
    let measure = evidence.measure(against.metric(&settings));
    let by_group = against
        .groups_name
        .and_then(|name| by_group(name, &measure, &settings));
    let grids = std::iter::once(overall(against.name, &measure, &settings)).chain(by_group);
    let figures = grids.filter_map(|grid| grid.draw()).collect();
    let table = table(
        evidence,
        against.name,
        (against.metrics, &measure),
        &settings,
    );
    Ok((figures, vec![table]))
}

/// Returns all configurations of a setting guided by all boxes, undilated, in one tone.
pub fn series<'a>(setting: &'a Setting) -> [Series<'a>; 1] {
    let run_sets = plain(setting);
    [Series { run_sets, tone: 0 }]
}

/// The figure over all test images. Columns: network, method, and words that distinguish settings. Rows:
/// layers.
fn overall(name: &'static str, measure: &Measure, settings: &[&Setting]) -> Grid {
    let column_of = |setting: &Setting| {
        let method = setting.attribution.clone();
        (setting.model(), method, setting.apart.clone())
    };
    // In the order of the settings, which is the paper's.
    let mut columns: Vec<(String, String, Vec<String>)> = Vec::new();
    for setting in settings {
        if !columns.contains(&column_of(setting)) {
            columns.push(column_of(setting));
        }
    }
    let layers: BTreeSet<Layer> = settings.iter().map(|s| Layer::of(&s.layer)).collect();
    let mut panels = Vec::new();
    for layer in &layers {
        for column in &columns {
            let fits = |s: &&&Setting| column_of(s) == *column && s.layer == layer.spelling();
            let setting = settings.iter().find(fits);
            panels.push(setting.map(|setting| {
                let title = format!("{} · {}", setting.backbone, setting.maps());
                plot(title, setting, Part::All, measure, &series(setting))
            }));
        }
    }
    let models: BTreeSet<String> = settings.iter().map(|setting| setting.model()).collect();
    let models: Vec<String> = models.into_iter().collect();
    Grid {
        name,
        columns: columns.len(),
        plot: plot_size(columns.len()),
        panels,
        scale: Scale::Own,
        tones: Vec::new(),
        caption: format!(
            "{measure} against F1 on test, {}. {CAPTION}",
            models.join("; ")
        ),
    }
}

/// The figure by group of test images; `None` if there are no groups. Columns: groups. Rows: settings.
/// Panels of a row share their axes.
fn by_group(name: &'static str, measure: &Measure, settings: &[&Setting]) -> Option<Grid> {
    let has_groups = settings.iter().filter(|setting| !setting.groups.is_empty());
    let settings = at_ends(&has_groups.copied().collect::<Vec<_>>());
    let columns = settings.iter().map(|setting| setting.groups.len()).max()?;
    let mut panels = Vec::new();
    for setting in &settings {
        for column in 0..columns {
            panels.push(setting.groups.get(column).map(|(group, name)| {
                let title = format!("{name} · {}", setting.maps());
                let part = Part::Group(*group);
                plot(title, setting, part, measure, &series(setting))
            }));
        }
    }
    Some(Grid {
        name,
        columns,
        plot: plot_size(columns),
        panels,
        scale: Scale::SharedByRow,
        tones: Vec::new(),
        caption: format!(
            "{measure} against F1 by group of test images; panels of a row have the same axes. {CAPTION}"
        ),
    })
}

/// Makes a table with a line for each configuration: the checkpoint chosen on validation with F1 and
/// `metrics`, and the two ends of the front of `measure` against F1 (its highest F1 and its highest
/// `measure`).
pub fn table(
    evidence: &Evidence,
    name: &'static str,
    (metrics, measure): (&[&str], &Measure),
    settings: &[&Setting],
) -> Table {
    let names = std::iter::once(&F1).chain(metrics);
    let measures: Vec<Measure> = names.map(|name| evidence.measure(name)).collect();
    let mut columns = vec![
        Column::new("loss", "Loss", Kind::Text),
        Column::new("checkpoints", "Checkpoints", Kind::Count),
    ];
    columns.extend(chosen::columns(&measures));
    columns.extend([
        Column::new("top_f1", "Highest F1", Kind::Value),
        Column::new("at_top_f1", format!("{measure} there"), Kind::Value),
        Column::new("top", format!("Highest {measure}"), Kind::Value),
        Column::new("f1_at_top", "F1 there", Kind::Value),
    ]);
    let sections = settings.iter().map(|setting| {
        let mut lines = Vec::new();
        for row in setting.rows.iter().filter(|row| row.run.is_baseline()) {
            let label = vec![Cell::text(&row.label), Cell::count(row.checkpoints.len())];
            let ends = vec![Cell::Missing; 4];
            lines.push(Line::new(
                [label, chosen::cells(row, &measures), ends].concat(),
            ));
        }
        let run_sets = plain(setting);
        lines.extend(
            run_sets
                .iter()
                .filter_map(|run_set| line(run_set, &measures, measure)),
        );
        Section {
            heading: setting.title(),
            lines,
        }
    });
    Table {
        name,
        version: 1,
        columns,
        sections: sections.collect(),
        caption: format!(
            "{} Highest F1 and highest {measure}: the ends of the front on test, in percent.",
            chosen::CAPTION
        ),
    }
}

/// The line of `run_set`; `None` if none of its checkpoints has both F1 and `measure`.
fn line(run_set: &RunSet, measures: &[Measure], measure: &Measure) -> Option<Line> {
    let row = run_set.chosen()?;
    let checkpoints = run_set.rows.iter().flat_map(|row| &row.checkpoints);
    let points: Vec<(f64, f64)> = checkpoints
        .filter_map(|checkpoint| point(checkpoint, Part::All, measure.name()))
        .map(|(f1, value)| (f1 / 100.0, value / 100.0))
        .collect();
    // The front is in the order of ascending F1: its first point has the highest `measure`, its last the highest F1.
    let ends = front(&points);
    let share = |value: f64| Cell::share(Some(value), None);
    let (top, low) = (points[*ends.last()?], points[*ends.first()?]);
    let label = vec![Cell::text(run_set.label()), Cell::count(points.len())];
    let ends = [top.0, top.1, low.1, low.0].map(share).to_vec();
    let chosen = chosen::cells(row, measures);
    Some(Line::new([label, chosen, ends].concat()))
}

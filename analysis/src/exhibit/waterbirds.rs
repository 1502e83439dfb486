//! Makes the exhibit `waterbirds`: a table of test accuracy on Waterbirds-100 as mean and standard deviation
//! over seeds, a figure by group of images, and maps (paper, Table 1 and Fig. 13).
//!
//! There are two tasks: the conventional one asks for the bird, the reversed one for the background. The
//! paper's "worst group" is a fixed one, waterbird on land; the true minimum over the four groups is
//! shown beside it (docs/SPEC.md C.4).

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;
use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::maps;
use crate::format::counted;
use crate::model::configuration::{Layer, Variant, label};
use crate::model::evidence::Evidence;
use crate::model::loss::Loss;
use crate::model::measure::ACCURACY;
use crate::model::names;
use crate::model::run_sets::{by_seed, run_sets};
use crate::model::seeds::{Moments, moments};
use crate::model::setting::{Row, Setting};
use crate::model::subject::{CONVENTIONAL, Part};
use crate::model::training::Training;
use crate::paper::waterbirds::{WATERBIRD_ON_LAND, WATERBIRDS};
use crate::render::figure::drawing::Figure;
use crate::render::figure::grid::{Dot, Grid, Plot, Quantity, Scale, plot_size};
use crate::render::figure::style::Emphasis;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Spread, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "waterbirds",
    title: "Waterbirds",
    about: "Waterbirds-100 (Table 1 and Fig. 13)",
    make: |evidence, _| make(evidence),
    said: None,
};

/// The columns of Table 1 for a task: test accuracies.
#[derive(Clone, Copy)]
enum Measured {
    /// Of waterbird on land, which the paper calls the worst group.
    Worst,
    /// Of all images.
    Overall,
    /// Of the group with the lowest accuracy in that run.
    Minimum,
}

/// The columns in their order.
const MEASURED: [Measured; 3] = [Measured::Worst, Measured::Overall, Measured::Minimum];

impl Measured {
    /// The accuracy of a run's selected checkpoint, a fraction.
    fn value(self, row: &Row) -> Option<f64> {
        let cell = match self {
            Self::Worst => row.cell(WATERBIRD_ON_LAND, ACCURACY),
            Self::Overall => row.cell(Part::All, ACCURACY),
            Self::Minimum => row.cell(Part::All, "worst_group"),
        };
        cell?.value
    }
}

/// The key of a line of a section: how a run was guided. A baseline has no loss and no variant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Model {
    loss: Option<Loss>,
    options: String,
    /// The annotations that guided it.
    variant: Option<Variant>,
}

impl Model {
    fn of(row: &Row) -> Self {
        let configuration = row.run.configuration();
        Self {
            variant: configuration.loss.as_ref().map(|_| configuration.variant),
            loss: configuration.loss,
            options: configuration.options,
        }
    }
}

/// The key of a section: what a setting (runs trained and scored alike) of the conventional task and one of the
/// reversed task have in common. Runs that were trained for another task than the scored one have a section
/// of their own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TaskPair {
    backbone: String,
    attribution: String,
    layer: Layer,
    precision: Option<String>,
    training: Training,
    /// The task that the runs were trained for, if they are scored for the other one.
    strayed: Option<String>,
}

impl TaskPair {
    fn of(setting: &Setting) -> Self {
        let strayed = setting.trained_task != setting.task;
        Self {
            backbone: setting.backbone.clone(),
            attribution: setting.attribution.clone(),
            layer: Layer::of(&setting.layer),
            precision: setting.precision.clone(),
            training: setting.training.clone(),
            strayed: strayed.then(|| setting.trained_task.clone()),
        }
    }
}

/// Makes the table, the figure of the groups' accuracies, and a figure of maps for each task.
fn make(evidence: &Evidence) -> Result<Made> {
    let of_dataset = evidence.settings.iter().filter(|s| s.dataset == WATERBIRDS);
    let settings: Vec<&Setting> = of_dataset
        .filter(|setting| {
            setting
                .rows
                .iter()
                .any(|row| row.cell(Part::All, ACCURACY).is_some())
        })
        .collect();
    if settings.is_empty() {
        return Ok(Err(format!("no scored run on {WATERBIRDS}")));
    }
    let mut figures = Vec::from_iter(groups_figure(&settings));
    // A class id means a bird in one task and a place in the other, so that each task has its own pairs.
    let tasks: BTreeSet<&str> = settings.iter().map(|s| s.task.as_str()).collect();
    for task in tasks {
        let name = match task {
            CONVENTIONAL => "waterbirds_maps".to_owned(),
            other => format!("waterbirds_maps_{other}"),
        };
        let of_task = settings.iter().filter(|setting| setting.task == task);
        let here: Vec<&Setting> = of_task.copied().collect();
        figures.extend(maps::before_and_after(&name, evidence, &here)?);
    }
    Ok(Ok((figures, vec![table(&settings)])))
}

/// Makes the table: a section for each [`TaskPair`], a line for each [`Model`], columns for both tasks.
fn table(settings: &[&Setting]) -> Table {
    let column = |name, title: &str| Column::new(name, title, Kind::Seeds);
    let columns = vec![
        Column::new("model", "Model", Kind::Text),
        column("conventional_worst", "Conventional: waterbird on land"),
        column("conventional_overall", "overall"),
        column("conventional_minimum", "least group"),
        column("reversed_worst", "Reversed: waterbird on land"),
        column("reversed_overall", "overall"),
        column("reversed_minimum", "least group"),
    ];
    let pairs: BTreeSet<TaskPair> = settings
        .iter()
        .map(|setting| TaskPair::of(setting))
        .collect();
    let section = |at: &TaskPair| {
        let here: Vec<&&Setting> = settings
            .iter()
            .filter(|setting| TaskPair::of(setting) == *at)
            .collect();
        let models: BTreeSet<Model> = here
            .iter()
            .flat_map(|setting| setting.rows.iter().map(Model::of))
            .collect();
        let lines = models.iter().flat_map(|model| lines(&here, model));
        let apart: BTreeSet<&String> = here.iter().flat_map(|setting| &setting.apart).collect();
        let apart: Vec<String> = apart
            .into_iter()
            .map(|words| format!(", {words}"))
            .collect();
        Section {
            heading: format!(
                "{} · {} · {} at {}{}",
                names::dataset(WATERBIRDS),
                at.backbone,
                here[0].method_title,
                at.layer,
                apart.concat()
            ),
            lines: lines.collect(),
        }
    };
    let n = |setting: &&Setting| {
        let seeds: BTreeSet<i64> = setting.rows.iter().map(|row| row.run.seed).collect();
        seeds.len()
    };
    let n_seeds = settings.iter().map(n).max().unwrap_or(0);
    Table {
        name: "waterbirds",
        version: 1,
        columns,
        sections: pairs.iter().map(section).collect(),
        caption: format!(
            "Test accuracy in percent, mean (± standard deviation) over up to {}, each \
             at the checkpoint that validation prefers. The paper's worst group is waterbird on \
             land; the least group is the true minimum over the four groups, run by run.",
            counted(n_seeds, "seed")
        ),
    }
}

/// Returns the line of `model`. There are several where its runs have several configurations whose difference
/// no column shows; each line then names the configurations' hashes.
fn lines(settings: &[&&Setting], model: &Model) -> Vec<Line> {
    let tasks = [CONVENTIONAL, "reversed"].map(|task| {
        let of_task = settings.iter().filter(|setting| setting.task == task);
        let rows = of_task.flat_map(|setting| &setting.rows);
        let mut configurations: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in rows.filter(|row| Model::of(row) == *model) {
            let of_configuration = configurations.entry(&row.run.configuration);
            of_configuration.or_default().push(row);
        }
        Vec::from_iter(configurations)
    });
    let n = tasks.iter().map(Vec::len).max().unwrap_or(0);
    let line = |index: usize| {
        let mut name = label(model.loss.as_ref(), &model.options, model.variant.as_ref());
        let here = tasks.iter().filter_map(|task| task.get(index));
        let hashes: BTreeSet<&str> = here.map(|(hash, _)| *hash).collect();
        if n > 1 {
            let hashes: Vec<&str> = hashes.into_iter().collect();
            name.push_str(&format!(", configuration {}", hashes.join(" and ")));
        }
        let mut cells = vec![Cell::text(name)];
        for task in &tasks {
            let rows = task.get(index).map_or(&[][..], |(_, rows)| rows);
            let rows = by_seed(rows);
            cells.extend(MEASURED.map(|measured| {
                let values: Vec<f64> = rows.iter().filter_map(|row| measured.value(row)).collect();
                over_seeds(moments(&values))
            }));
        }
        Line::new(cells)
    };
    (0..n).map(line).collect()
}

/// The cell of a mean and standard deviation over seeds.
fn over_seeds(moments: Option<Moments>) -> Cell {
    moments.map_or(Cell::Missing, |Moments { mean, std, n }| {
        Cell::Share(mean, Spread::Seeds { std, n })
    })
}

/// Draws the accuracy of each group: a panel for each setting, in it a point for each seed of each loss.
fn groups_figure(settings: &[&Setting]) -> Option<Figure> {
    // Variants of a loss differ in tone.
    let variants: BTreeSet<Variant> = settings
        .iter()
        .flat_map(|setting| setting.guided())
        .map(|row| row.run.configuration().variant)
        .collect();
    let panel = |setting: &&Setting| {
        // From bottom to top.
        let groups_named = setting.groups.iter().rev();
        let (parts, names): (Vec<Part>, Vec<String>) =
            std::iter::once((Part::All, "overall".to_owned()))
                .chain(groups_named.map(|(group, name)| (Part::Group(*group), name.clone())))
                .unzip();
        let mut dots = Vec::new();
        let baselines: Vec<&Row> = setting
            .rows
            .iter()
            .filter(|row| row.run.is_baseline())
            .collect();
        let mut series: Vec<(usize, Vec<&Row>)> = vec![(0, by_seed(&baselines))];
        for run_set in run_sets(setting, |_| true) {
            let tone = variants
                .iter()
                .position(|variant| variant == run_set.variant());
            series.push((tone.unwrap_or(0), by_seed(&run_set.rows)));
        }
        let n = series.len() as f64;
        for (index, (tone, rows)) in series.iter().enumerate() {
            // Each series is shifted up or down within 0.4 of its line, so that none hides another.
            let shift = 0.4 - (index as f64 + 0.5) / n * 0.8;
            for row in rows {
                for (line, part) in parts.iter().enumerate() {
                    let accuracy = row.cell(*part, ACCURACY).and_then(|cell| cell.value);
                    dots.extend(accuracy.map(|accuracy| Dot {
                        at: (accuracy * 100.0, line as f64 + shift),
                        across: None,
                        up: None,
                        loss: row.run.loss.clone(),
                        // A shade of the loss's colour; 0 is the full colour.
                        tone: *tone,
                        emphasis: Emphasis::Front,
                    }));
                }
            }
        }
        Some(Plot {
            title: format!(
                "{} · {} · {}",
                setting.task,
                setting.backbone,
                setting.maps()
            ),
            x: Quantity::Percent("Accuracy (%)".to_owned()),
            y: Quantity::Names(String::new(), names),
            baseline: None,
            paths: Vec::new(),
            dots,
        })
    };
    let mut tones: Vec<String> = variants
        .iter()
        .map(|variant| match variant.departures()[..] {
            [] => "100 % annotated".to_owned(),
            ref departures => departures.join(", "),
        })
        .collect();
    if tones.len() < 2 {
        tones.clear();
    }
    let columns = settings.len().clamp(1, 2);
    let (width, height) = plot_size(columns);
    let grid = Grid {
        name: "waterbirds",
        columns,
        // Larger than other plots, by chosen amounts, because each group has several rows of points.
        plot: (width + 60.0, height * 1.4),
        panels: settings.iter().map(panel).collect(),
        scale: Scale::SharedByRow,
        tones,
        caption:
            "Test accuracy of each group of images and overall, a point for each seed, at the \
                  checkpoint that validation prefers."
                .to_owned(),
    };
    grid.draw()
}

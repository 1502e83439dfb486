//! Makes the exhibit `published`: tables of published numbers (of the paper and two reproductions) beside ours,
//! where data set, network, method, layer, loss and annotations are the same, with the difference and how our run
//! was trained. If the user asks for the exhibit by name, it also lists published numbers without a run of ours.
//!
//! There are three tables: F1, EPG and IoU ([`points`]), accuracies on Waterbirds-100 ([`accuracies`]), and
//! EPG by size of the boxes ([`sizes`]). In code, a point is a checkpoint's F1, EPG and IoU; in texts for people, a
//! point of F1 is a percentage point.

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;
use crate::exhibit::entry::{Asked, Entry, Made};
use crate::format::{counted, number};
use crate::model::configuration::{self, Amount};
use crate::model::evidence::Evidence;
use crate::model::loss::Loss;
use crate::model::measure::{ACCURACY, EPG, F1, IOU};
use crate::model::names;
use crate::model::run::Run;
use crate::model::run_sets::{by_seed, plain, run_sets};
use crate::model::seeds::moments;
use crate::model::setting::{Checkpoint, Row, Setting};
use crate::model::subject::{CONVENTIONAL, Part};
use crate::paper::published::{self, Point, Statistic};
use crate::paper::waterbirds::{WATERBIRD_ON_LAND, WATERBIRDS};
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Spread, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "published",
    title: "Published and reproduced numbers",
    about: "Published numbers beside ours",
    make,
    said: None,
};

/// Makes the three tables and leaves out those without a line.
///
/// # Errors
/// A file of published numbers that is not as it should be.
fn make(evidence: &Evidence, asked: Asked) -> Result<Made> {
    let tables = [
        points(evidence, asked)?,
        accuracies(evidence, asked)?,
        sizes(evidence, asked)?,
    ];
    let tables: Vec<Table> = tables
        .into_iter()
        .filter(|table| !table.sections.is_empty())
        .collect();
    Ok(match tables.is_empty() {
        true => Err("no run has the data set, network, method, layer, loss and annotations of a published one".to_owned()),
        false => Ok((Vec::new(), tables)),
    })
}

/// Three cells: the published number, ours, and the difference between them. With `is_gain` the two numbers
/// are themselves differences, and are printed in points instead of percent.
fn three(published: Option<f64>, ours: Option<f64>, is_gain: bool) -> [Cell; 3] {
    let shown = |value: Option<f64>| match is_gain {
        true => Cell::points(value, None),
        false => Cell::share(value, None),
    };
    let difference = published
        .zip(ours)
        .map(|(published, ours)| ours - published);
    [
        shown(published),
        shown(ours),
        Cell::points(difference, None),
    ]
}

/// The table of F1, EPG and IoU: for each published point a line for each configuration of ours that matches.
fn points(evidence: &Evidence, asked: Asked) -> Result<Table> {
    let mut columns = vec![
        Column::new("source", "Source", Kind::Text),
        Column::new("configuration", "Configuration", Kind::Text),
        Column::new("point", "Point", Kind::Text),
    ];
    for (names, title) in [
        (["f1_published", "f1_ours", "f1_difference"], "F1"),
        (["epg_published", "epg_ours", "epg_difference"], "EPG"),
        (["iou_published", "iou_ours", "iou_difference"], "IoU"),
    ] {
        let titles = [
            format!("{title} published"),
            "ours".to_owned(),
            "Δ".to_owned(),
        ];
        columns.extend(
            names
                .into_iter()
                .zip(titles)
                .map(|(name, title)| Column::new(name, title, Kind::Value)),
        );
    }
    columns.push(Column::new("ours", "Ours trained on", Kind::Text));
    let mut sections: Vec<Section> = Vec::new();
    for point in published::points()? {
        let found = ours(evidence, &point);
        let [dataset, backbone, attribution, layer, loss, _] = &point.key;
        let heading = format!(
            "{} · {backbone} · {} at {}",
            names::dataset(dataset),
            names::attribution(attribution),
            names::layer(layer)
        );
        let line = |found: Option<&Ours>| {
            let mut cells = vec![
                Cell::text(&point.source),
                Cell::text(label(loss, &point)),
                Cell::text(point.statistic.words()),
            ];
            for (index, published) in point.values.into_iter().enumerate() {
                let ours = found.and_then(|ours| ours.values[index]);
                cells.extend(three(
                    published,
                    published.and(ours),
                    point.statistic.is_gain(),
                ));
            }
            cells.push(Cell::maybe_text(
                found.map(|ours| trained_on(evidence, ours.run, &ours.apart)),
            ));
            Line::new(cells)
        };
        for ours in &found {
            push(&mut sections, heading.clone(), line(Some(ours)));
        }
        if found.is_empty() && asked == Asked::ByName {
            push(&mut sections, heading, line(None));
        }
    }
    Ok(Table {
        name: "published",
        version: 1,
        columns,
        sections,
        caption: "Published (P: the paper; T, F: two reproductions) beside reproduced test results, in \
                  percent, gains and differences in points. Points are the ends of the front of all \
                  scored checkpoints, so both sides are looked at in the same way; they are no \
                  selection. IoU at threshold 0.5; the paper's own threshold was chosen on held-out \
                  images. What ours were trained on differs as the last column says."
            .to_owned(),
    })
}

/// Adds `line` to the section of that heading, which is made if it is not there yet.
fn push(sections: &mut Vec<Section>, heading: String, line: Line) {
    match sections
        .iter_mut()
        .find(|section| section.heading == heading)
    {
        Some(section) => section.lines.push(line),
        None => sections.push(Section {
            heading,
            lines: vec![line],
        }),
    }
}

/// The words for a published configuration: the loss and what differs in its annotations from all boxes as
/// they are.
fn label(loss: &str, point: &Point) -> String {
    let Some(loss) = named(loss) else {
        return "Baseline".to_owned();
    };
    let variant = configuration::Variant {
        annotation: point.key[5].clone(),
        annotated_fraction: Amount(point.annotated_fraction.unwrap_or(1.0)),
        dilation: Amount(point.dilation.unwrap_or(0.0)),
    };
    configuration::label(Some(&loss), "", Some(&variant))
}

/// The loss of a published row; a baseline has none.
fn named(loss: &str) -> Option<Loss> {
    (!loss.is_empty()).then(|| Loss::new(loss, None))
}

/// Our values that correspond to a published point.
struct Ours<'a> {
    /// F1, EPG and IoU: fractions, or gains over the baseline where the published ones are gains.
    values: [Option<f64>; 3],
    /// The run, or the first of the configuration's runs.
    run: &'a Run,
    /// Words that distinguish it from other runs that correspond to the same point.
    apart: Vec<String>,
}

/// Returns our values for a published point, one for each of our configurations (runs that differ in λ and
/// seed alone) that corresponds to it, in each setting (runs trained and scored alike).
fn ours<'a>(evidence: &Evidence<'a>, point: &Point) -> Vec<Ours<'a>> {
    let [dataset, backbone, attribution, layer, loss, annotation] = &point.key;
    let settings = evidence.settings.iter().filter(|setting| {
        setting.task == CONVENTIONAL
            && setting.trained_task == CONVENTIONAL
            && (&setting.dataset, &setting.backbone) == (dataset, backbone)
            && setting.method() == (attribution, layer)
    });
    let mut found: Vec<Ours> = Vec::new();
    for setting in settings {
        let baseline = setting.baseline();
        let before = baseline.and_then(|row| values(row.selected()?));
        if point.statistic == Statistic::Baseline {
            // A baseline is in every setting of its guided runs.
            let is_listed = |run: &Run| found.iter().any(|ours| ours.run.run_id == run.run_id);
            if let (Some(values), Some(row)) = (before, baseline)
                && !is_listed(&row.run)
            {
                found.push(Ours {
                    values,
                    run: &row.run,
                    apart: setting.apart.clone(),
                });
            }
            continue;
        }
        let fits = |row: &Row| {
            let configuration = row.run.configuration();
            let variant = &configuration.variant;
            setting.is_guided_here(&row.run)
                && configuration.loss == named(loss)
                && variant.annotation == *annotation
                && Some(variant.annotated_fraction.0) == point.annotated_fraction
                && Some(variant.dilation.0) == point.dilation
        };
        for run_set in run_sets(setting, fits) {
            let checkpoints = run_set.rows.iter().flat_map(|row| &row.checkpoints);
            let all: Vec<[Option<f64>; 3]> = checkpoints.filter_map(values).collect();
            let before = run_set.rows.iter().find_map(|row| {
                let baseline = setting.baseline_of(row)?;
                values(baseline.selected()?)
            });
            let chosen = statistic(point, &all, before);
            let gained = match (point.statistic.is_gain(), chosen, before) {
                (false, chosen, _) => chosen,
                (true, Some(chosen), Some(before)) => Some(std::array::from_fn(|index| {
                    Some(chosen[index]? - before[index]?)
                })),
                _ => None,
            };
            let mut apart = setting.apart.clone();
            apart.extend(run_set.apart.clone());
            found.extend(gained.zip(run_set.rows.first()).map(|(values, row)| Ours {
                values,
                run: &row.run,
                apart,
            }));
        }
    }
    found
}

/// F1, EPG and IoU of a checkpoint on all test images; `None` if it has no F1.
fn values(checkpoint: &Checkpoint) -> Option<[Option<f64>; 3]> {
    let value = |metric: &str| checkpoint.cell(Part::All, metric)?.value;
    value(F1)?;
    Some([F1, EPG, IOU].map(value))
}

/// Picks from `all` (F1, EPG and IoU of each scored checkpoint) the one that `point.statistic` names,
/// e.g. that of the highest F1. `before` has the baseline's values. `None` if no checkpoint fits.
fn statistic(
    point: &Point,
    all: &[[Option<f64>; 3]],
    before: Option<[Option<f64>; 3]>,
) -> Option<[Option<f64>; 3]> {
    let highest = |index: usize| {
        let key = |values: &&[Option<f64>; 3]| values[index].unwrap_or(f64::NEG_INFINITY);
        all.iter().max_by(|a, b| key(a).total_cmp(&key(b))).copied()
    };
    match point.statistic {
        Statistic::Baseline => before,
        Statistic::HighestF1 | Statistic::GainHighestF1 => highest(0),
        Statistic::HighestEpg => highest(1),
        Statistic::HighestIou | Statistic::GainHighestIou => highest(2),
        Statistic::WithinPoint | Statistic::GainWithinPoint => {
            // "Within a point" is at most 0.01 below the baseline's F1; 1e-12 is room for rounding.
            let least = before?[0]? - 0.01 - 1e-12;
            let kept = all
                .iter()
                .filter(|values| values[0].is_some_and(|f1| f1 >= least));
            let epg = |values: &&[Option<f64>; 3]| values[1].unwrap_or(f64::NEG_INFINITY);
            kept.max_by(|a, b| epg(a).total_cmp(&epg(b))).copied()
        }
        Statistic::AtF1 => {
            let f1 = point.values[0]?;
            let far = |values: &&[Option<f64>; 3]| {
                values[0].map_or(f64::INFINITY, |own| (own - f1).abs())
            };
            all.iter().min_by(|a, b| far(a).total_cmp(&far(b))).copied()
        }
    }
}

/// Tells in a few words how `run` was trained (images, input size, epochs, first weights), and adds `apart`,
/// the words that distinguish it. If it starts from a baseline, the epochs are the baseline's + its own, and the
/// first weights are the baseline's.
fn trained_on(evidence: &Evidence, run: &Run, apart: &[String]) -> String {
    let baseline = run
        .baseline_run_id
        .as_deref()
        .and_then(|id| evidence.results.run(id));
    let epochs = match baseline {
        Some(baseline) => format!("{} + {} epochs", baseline.epochs, run.epochs),
        None => counted(run.epochs.max(0) as usize, "epoch"),
    };
    let init = &baseline.unwrap_or(run).init;
    let start = match init.split(':').next() {
        Some("weights") => "from given weights",
        Some("run") => "from another run",
        _ => "from random weights",
    };
    let mut words = vec![format!(
        "{} images, {} × {} pixels, {epochs}, {start}",
        run.n_train, run.input_height, run.input_width
    )];
    words.extend(apart.iter().cloned());
    words.join(", ")
}

/// The table of accuracies on Waterbirds-100: of the group waterbird on land, which the paper calls the
/// worst, and of all images.
fn accuracies(evidence: &Evidence, asked: Asked) -> Result<Table> {
    let mut columns = vec![
        Column::new("source", "Source", Kind::Text),
        Column::new("configuration", "Configuration", Kind::Text),
    ];
    for (names, title) in [
        (
            ["worst_published", "worst_ours", "worst_difference"],
            "Waterbird on land",
        ),
        (
            ["overall_published", "overall_ours", "overall_difference"],
            "Overall",
        ),
    ] {
        let titles = [
            format!("{title}, published"),
            "ours".to_owned(),
            "Δ".to_owned(),
        ];
        let kinds = [Kind::Seeds, Kind::Seeds, Kind::Value];
        let new = |((name, title), kind)| Column::new(name, title, kind);
        columns.extend(names.into_iter().zip(titles).zip(kinds).map(new));
    }
    columns.push(Column::new("ours", "Ours trained on", Kind::Text));
    let mut sections = Vec::new();
    for published in published::accuracies()? {
        let [backbone, attribution, task, loss] = &published.key;
        let suits = |setting: &&Setting| {
            setting.dataset == WATERBIRDS
                && (&setting.backbone, &setting.task) == (backbone, task)
                && setting.attribution == *attribution
        };
        // The paper does not say at which layer, so ours is the one nearest to the input: settings are ordered by
        // layer, so the first one has it.
        let layer = evidence.settings.iter().find(suits).map(|s| &s.layer);
        let settings = evidence.settings.iter().filter(suits);
        let settings = settings.filter(|setting| Some(&setting.layer) == layer);
        let fits = |row: &&Row| {
            let configuration = row.run.configuration();
            let variant = &configuration.variant;
            configuration.loss == named(loss)
                && (configuration.loss.is_none()
                    || (Some(variant.annotated_fraction.0) == published.annotated_fraction
                        && variant.annotation == "box"
                        && variant.dilation.0 == 0.0))
        };
        let line = |found: &[&Row], apart: &[String]| {
            let mut cells = vec![
                Cell::text(&published.source),
                Cell::text(match (named(loss), published.annotated_fraction) {
                    (Some(loss), Some(share)) => {
                        format!("{loss}, {} % annotated", number(share * 100.0))
                    }
                    _ => "Baseline".to_owned(),
                }),
            ];
            for (part, (value, std)) in [WATERBIRD_ON_LAND, Part::All]
                .into_iter()
                .zip(published.values)
            {
                let accuracies = found
                    .iter()
                    .filter_map(|row| row.cell(part, ACCURACY)?.value);
                let ours = moments(&accuracies.collect::<Vec<_>>());
                // A published standard deviation is the paper's, which is over four runs.
                let n = if std.is_some() { 4 } else { 1 };
                let seeds = |value, std, n| Cell::Share(value, Spread::Seeds { std, n });
                cells.push(value.map_or(Cell::Missing, |value| seeds(value, std, n)));
                cells.push(ours.map_or(Cell::Missing, |m| seeds(m.mean, m.std, m.n)));
                let difference = value.zip(ours).map(|(value, ours)| ours.mean - value);
                cells.push(Cell::points(difference, None));
            }
            let trained = found.first();
            cells.push(Cell::maybe_text(
                trained.map(|row| trained_on(evidence, &row.run, apart)),
            ));
            Line::new(cells)
        };
        let heading = format!("{} · {backbone} · {task} task", names::dataset(WATERBIRDS));
        let mut lines = Vec::new();
        let mut listed: BTreeSet<&str> = BTreeSet::new();
        for setting in settings {
            let mut configurations: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
            for row in setting.rows.iter().filter(fits) {
                let of_configuration = configurations.entry(&row.run.configuration);
                of_configuration.or_default().push(row);
            }
            for (configuration, rows) in configurations {
                // A baseline is in every setting of its guided runs.
                if listed.insert(configuration) {
                    lines.push(line(&by_seed(&rows), &setting.apart));
                }
            }
        }
        if lines.is_empty() && asked == Asked::ByName {
            lines.push(line(&[], &[]));
        }
        for line in lines {
            push(&mut sections, heading.clone(), line);
        }
    }
    Ok(Table {
        name: "published_waterbirds",
        version: 1,
        columns,
        sections,
        caption:
            "Published (P: the paper's Table 1, four runs; F: one run of a reproduction) beside \
                  reproduced test accuracy in percent, mean (± standard deviation) over seeds."
                .to_owned(),
    })
}

/// The table of EPG by size, which is the share of the image that the boxes of a class cover.
fn sizes(evidence: &Evidence, asked: Asked) -> Result<Table> {
    let columns = vec![
        Column::new("source", "Source", Kind::Text),
        Column::new("part", "Share inside (%)", Kind::Text),
        Column::new("epg_published", "EPG published", Kind::Value),
        Column::new("epg_ours", "ours", Kind::Value),
        Column::new("epg_difference", "Δ", Kind::Value),
    ];
    let mut sections = Vec::new();
    for published in published::sizes()? {
        let [dataset, backbone, attribution, layer, loss] = &published.key;
        let settings = evidence.settings.iter().filter(|setting| {
            (&setting.dataset, &setting.backbone) == (dataset, backbone)
                && setting.method() == (attribution, layer)
        });
        let (low, high) = published.range;
        let part = Part::Size {
            low: Amount(low),
            high: Amount(high),
        };
        let line = |ours: Option<f64>| {
            let mut cells = vec![
                Cell::text(&published.source),
                Cell::text(format!("{}–{}", number(low * 100.0), number(high * 100.0))),
            ];
            cells.extend(three(published.epg, ours, false));
            Line::new(cells)
        };
        let heading = format!("{} · {backbone} · {loss}", names::dataset(dataset));
        let mut is_there = false;
        for setting in settings {
            for run_set in plain(setting) {
                let chosen = run_set
                    .chosen()
                    .filter(|_| run_set.configuration.loss == named(loss));
                let Some(epg) = chosen.and_then(|row| row.cell(part, EPG)?.value) else {
                    continue;
                };
                is_there = true;
                let heading = setting.with_apart(heading.clone());
                push(&mut sections, heading, line(Some(epg)));
            }
        }
        if !is_there && asked == Asked::ByName {
            push(&mut sections, heading, line(None));
        }
    }
    Ok(Table {
        name: "published_sizes",
        version: 1,
        columns,
        sections,
        caption:
            "Published (T) beside reproduced mean EPG by the share of the image that the boxes of \
                  the class cover; ours at the checkpoint that validation prefers."
                .to_owned(),
    })
}

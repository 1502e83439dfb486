//! EPG by size of the boxes (paper, supplement; reproduction study) and by class: the baseline and, of
//! each loss, the configuration that validation prefers.

use std::collections::BTreeSet;

use super::{Evidence, Made};
use crate::comparison::{Row, Setting};
use crate::figure::grid::{Dot, Grid, Path, Plot, Quantity, Scale, plot_size};
use crate::figure::style::Emphasis;
use crate::format::number;
use crate::groups::{each_loss, plain};
use crate::load::Part;
use crate::names::{Loss, Measure};
use crate::table::{Cell, Column, Kind, Line, Section, Table};

/// By the share of the image that the class's boxes cover.
pub(super) fn box_size(evidence: &Evidence) -> Made {
    let settings = with_parts(evidence, |part| matches!(part, Part::Size { .. }));
    let plots = settings.iter().map(|(setting, parts)| {
        let names = parts.iter().map(|part| part_name(evidence, setting, *part));
        let across = Quantity::Names("Share of the image inside (%)".to_owned(), names.collect());
        let mut plot = Plot {
            title: setting.title(),
            x: across,
            y: Quantity::Percent("EPG (%)".to_owned()),
            baseline: None,
            paths: Vec::new(),
            dots: Vec::new(),
        };
        for row in each_loss(setting) {
            let points = values(row, parts);
            plot.paths.push(Path {
                points: points.clone(),
                loss: row.run.loss,
                tone: 0,
            });
            plot.dots.extend(points.into_iter().map(|at| dot(row, at)));
        }
        Some(plot)
    });
    let panels: Vec<Option<Plot>> = plots.collect();
    let columns = panels.len().clamp(1, 3);
    let grid = Grid {
        name: "box_size",
        columns,
        plot: plot_size(columns),
        panels,
        scale: Scale::Own,
        tones: Vec::new(),
        caption:
            "Mean EPG of test pairs by the share of the image that the boxes of the class cover. \
                  Attribution spread evenly over an image would have that share as its EPG."
                .to_owned(),
    };
    exhibit(evidence, &settings, "box_size", "Share inside (%)", &grid)
}

/// By class, in the order of the baseline's EPG.
pub(super) fn classes(evidence: &Evidence) -> Made {
    let mut settings = with_parts(evidence, |part| matches!(part, Part::Class(_)));
    for (setting, parts) in &mut settings {
        let Some(first) = each_loss(setting).first().copied() else {
            continue;
        };
        let epg = |part: &Part| first.cell(*part, Measure::Epg).and_then(|cell| cell.value);
        parts.sort_by(|a, b| epg(a).unwrap_or(-1.0).total_cmp(&epg(b).unwrap_or(-1.0)));
    }
    let plots = settings.iter().map(|(setting, parts)| {
        let names = parts.iter().map(|part| part_name(evidence, setting, *part));
        let mut plot = Plot {
            title: setting.title(),
            x: Quantity::Percent("EPG (%)".to_owned()),
            y: Quantity::Names(String::new(), names.collect()),
            baseline: None,
            paths: Vec::new(),
            dots: Vec::new(),
        };
        for row in each_loss(setting) {
            let points = values(row, parts)
                .into_iter()
                .map(|(place, epg)| (epg, place));
            plot.dots.extend(points.map(|at| dot(row, at)));
        }
        Some(plot)
    });
    let panels: Vec<Option<Plot>> = plots.collect();
    let columns = panels.len().clamp(1, 3);
    let longest = settings
        .iter()
        .map(|(_, parts)| parts.len())
        .max()
        .unwrap_or(0);
    let (width, height) = plot_size(columns);
    let grid = Grid {
        name: "classes",
        columns,
        plot: (width, height.max(longest as f64 * 19.0)),
        panels,
        scale: Scale::Own,
        tones: Vec::new(),
        caption: "Mean EPG of test pairs by class, in the order of the baseline's.".to_owned(),
    };
    exhibit(evidence, &settings, "classes_epg", "Class", &grid)
}

/// Settings with metrics over some of those parts, and the parts.
fn with_parts<'a>(
    evidence: &Evidence<'a>,
    wanted: fn(&Part) -> bool,
) -> Vec<(&'a Setting, Vec<Part>)> {
    // A class without a pair has F1, but no EPG.
    let has_epg = |row: &Row, part: &Part| row.cell(*part, Measure::Epg).is_some();
    let parts = |setting: &'a Setting| -> BTreeSet<Part> {
        let rows = setting.rows.iter();
        let scored = rows.flat_map(|row| {
            let parts = row.selected().into_iter().flat_map(|c| c.blocks.keys());
            parts.filter(move |part| has_epg(row, part))
        });
        scored.copied().filter(wanted).collect()
    };
    let all = evidence
        .settings
        .iter()
        .filter(|setting| !plain(setting).is_empty());
    all.map(|setting| (setting, parts(setting).into_iter().collect::<Vec<_>>()))
        .filter(|(_, parts)| !parts.is_empty())
        .collect()
}

/// Place and EPG in percent, of the parts where it is defined.
fn values(row: &Row, parts: &[Part]) -> Vec<(f64, f64)> {
    let value = |(place, part): (usize, &Part)| {
        let epg = row.cell(*part, Measure::Epg)?.value?;
        Some((place as f64, epg * 100.0))
    };
    parts.iter().enumerate().filter_map(value).collect()
}

fn dot(row: &Row, at: (f64, f64)) -> Dot {
    Dot {
        at,
        across: None,
        up: None,
        loss: row.run.loss,
        tone: 0,
        // The baseline's cross, which lies on top, is small, so that it hides no loss.
        emphasis: match row.run.loss {
            None => Emphasis::Plain,
            Some(_) => Emphasis::Front,
        },
    }
}

fn part_name(evidence: &Evidence, setting: &Setting, part: Part) -> String {
    let results = evidence.results;
    match part {
        Part::All => "all".to_owned(),
        Part::Group(group) => results.group_name(&setting.data, group),
        Part::Class(class) => results.class_name(&setting.data, &setting.task, class),
        Part::Size { low, high } => {
            format!("{}–{}", number(low.0 * 100.0), number(high.0 * 100.0))
        }
    }
}

fn exhibit(
    evidence: &Evidence,
    settings: &[(&Setting, Vec<Part>)],
    name: &'static str,
    what: &str,
    grid: &Grid,
) -> Made {
    if settings.is_empty() {
        return Err("no evaluation has metrics by class and size".to_owned());
    }
    let mut columns = vec![
        Column::new("part", what, Kind::Text),
        Column::new("pairs", "Pairs", Kind::Count),
        Column::new("baseline", "Baseline", Kind::Value),
    ];
    columns
        .extend(Loss::ALL.map(|loss| Column::new(loss.spelling(), loss.to_string(), Kind::Value)));
    let section = |(setting, parts): &(&Setting, Vec<Part>)| {
        let rows = each_loss(setting);
        let line = |part: &Part| {
            let epg = |loss: Option<Loss>| {
                let row = rows.iter().find(|row| row.run.loss == loss)?;
                row.cell(*part, Measure::Epg)
            };
            let of = |loss| epg(loss).map_or(Cell::Missing, |cell| Cell::share(cell.value, None));
            let first = rows.first().and_then(|row| row.cell(*part, Measure::Epg));
            let pairs = first.map_or(Cell::Missing, |cell| Cell::Count(cell.n));
            let name = Cell::text(part_name(evidence, setting, *part));
            let losses = Loss::ALL.map(|loss| of(Some(loss)));
            Line::new([vec![name, pairs, of(None)], losses.to_vec()].concat())
        };
        Section {
            heading: setting.title(),
            lines: parts.iter().map(line).collect(),
        }
    };
    let table = Table {
        name,
        columns,
        sections: settings.iter().map(section).collect(),
        caption: format!(
            "{} Of each loss the checkpoint that validation prefers; EPG in percent.",
            grid.caption
        ),
    };
    Ok((grid.draw().into_iter().collect(), vec![table]))
}

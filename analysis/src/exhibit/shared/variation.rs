//! Makes exhibits in which one property of the annotations varies and everything else is the same: dilated
//! boxes (paper, Fig. 10 and 11), few annotated images (Fig. 12), segmentations instead of boxes (a
//! reproduction study). A variant is one value of that property; the variants of a loss are drawn in its
//! colour and differ in tone and dashes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::exhibit::entry::Made;
use crate::exhibit::shared::chosen;
use crate::exhibit::shared::pareto::{self, Series, plot};
use crate::format::number;
use crate::model::configuration::Variant;
use crate::model::evidence::Evidence;
use crate::model::loss::Loss;
use crate::model::measure::{F1, IOU, IOU_TUNED, Measure};
use crate::model::run_sets::{RunSet, run_sets};
use crate::model::setting::Setting;
use crate::model::subject::Part;
use crate::render::figure::grid::{Grid, Scale, plot_size};
use crate::render::figure::style::N_TONES;
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Table};

/// The property that varies.
pub struct Variation {
    /// The exhibit's name, also of its figure and table.
    pub name: &'static str,
    /// The first sentence of the captions.
    pub about: &'static str,
    /// The metrics shown against F1.
    pub metrics: &'static [&'static str],
    /// How the panels are laid out.
    pub layout: Layout,
    /// Whether a configuration takes part.
    pub includes: fn(&Variant) -> bool,
    /// The name of a variant.
    pub label: fn(&Variant) -> String,
    /// The reason that is given if no setting has such variants.
    pub missing: &'static str,
}

/// The layout of the panels of a setting (runs trained and scored alike).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A row for each metric, a column for each loss that is varied.
    LossByLoss,
    /// One row, a column for each metric, all losses in it.
    Together,
}

/// A fraction in percent, e.g. `25 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", number((share * 1e8).round() / 1e6))
}

/// The configurations (runs that differ in λ and seed alone) that take part: guided through the maps they are
/// scored through, with a variant that `variation` includes.
pub fn here<'a>(setting: &'a Setting, variation: &Variation) -> Vec<RunSet<'a>> {
    run_sets(setting, |row| {
        setting.is_guided_here(&row.run) && (variation.includes)(&row.run.configuration().variant)
    })
}

/// Makes the exhibit from the settings that have several variants, or one that is not the default (all boxes,
/// undilated).
pub fn make(evidence: &Evidence, variation: &Variation) -> Made {
    let varies = |setting: &&Setting| {
        let variants: BTreeSet<String> = here(setting, variation)
            .iter()
            .map(|run_set| (variation.label)(run_set.variant()))
            .collect();
        let is_plain = |run_set: &RunSet| run_set.variant().is_plain();
        variants.len() > 1 || !here(setting, variation).iter().all(is_plain)
    };
    let settings: Vec<&Setting> = evidence.settings.iter().filter(varies).collect();
    exhibit(evidence, &settings, variation)
}

/// Makes the exhibit from `settings`; without any, `Err` with the words of `variation.missing`.
pub fn exhibit(evidence: &Evidence, settings: &[&Setting], variation: &Variation) -> Made {
    if settings.is_empty() {
        return Err(variation.missing.to_owned());
    }
    let figure = figure(evidence, settings, variation).draw();
    Ok((
        figure.into_iter().collect(),
        vec![table(evidence, settings, variation)],
    ))
}

/// Numbers the tones of the variants, from 0 for the default (all boxes, undilated). The last tone is
/// shared if there are more variants than tones.
fn tones(settings: &[&Setting], variation: &Variation) -> BTreeMap<Variant, usize> {
    let mut variants: Vec<Variant> = settings
        .iter()
        .flat_map(|setting| here(setting, variation))
        .map(|run_set| run_set.configuration.variant)
        .collect();
    variants.sort_by_key(|v| (!v.is_plain(), Reverse(v.annotated_fraction), v.clone()));
    variants.dedup();
    let tones = variants.into_iter().enumerate();
    tones
        .map(|(tone, variant)| (variant, tone.min(N_TONES - 1)))
        .collect()
}

/// Returns the losses of all configurations that take part.
fn found(settings: &[&Setting], variation: &Variation) -> BTreeSet<Loss> {
    let run_sets = settings.iter().flat_map(|setting| here(setting, variation));
    run_sets
        .filter_map(|run_set| run_set.configuration.loss)
        .collect()
}

/// Returns the losses with more than one variant; if no loss has, all of them.
fn varied(settings: &[&Setting], variation: &Variation) -> Vec<Loss> {
    let run_sets = || settings.iter().flat_map(|setting| here(setting, variation));
    let n_variants = |loss: &Loss| {
        let of_loss = run_sets().filter(|run_set| run_set.loss() == Some(loss));
        let variants: BTreeSet<String> = of_loss
            .map(|run_set| (variation.label)(run_set.variant()))
            .collect();
        variants.len()
    };
    let losses = |least: usize| -> Vec<Loss> {
        let all = found(settings, variation).into_iter();
        all.filter(|loss| n_variants(loss) >= least).collect()
    };
    match losses(2) {
        none if none.is_empty() => losses(1),
        some => some,
    }
}

/// Draws the panels: fronts of each metric against F1.
fn figure(evidence: &Evidence, settings: &[&Setting], variation: &Variation) -> Grid {
    let tones = tones(settings, variation);
    let tone = |run_set: &RunSet| tones.get(run_set.variant()).copied().unwrap_or(0);
    let panel = |setting: &Setting, metric: &str, losses: &[Loss]| {
        let shown = |run_set: &RunSet| run_set.loss().is_some_and(|loss| losses.contains(loss));
        let run_sets = here(setting, variation).into_iter().filter(shown);
        let series: Vec<Series> = run_sets
            .map(|run_set| Series {
                tone: tone(&run_set),
                run_sets: vec![run_set],
            })
            .collect();
        let mut title = match (variation.layout, losses) {
            (Layout::LossByLoss, [loss]) => vec![loss.to_string(), setting.maps()],
            _ => vec![setting.maps()],
        };
        if settings.len() > 1 {
            title.insert(title.len() - 1, setting.backbone.clone());
        }
        let is_empty = series.is_empty();
        let plot = plot(
            title.join(" · "),
            setting,
            Part::All,
            &evidence.measure(metric),
            &series,
        );
        (!is_empty).then_some(plot)
    };
    let losses = match variation.layout {
        Layout::LossByLoss => varied(settings, variation),
        Layout::Together => found(settings, variation).into_iter().collect(),
    };
    let mut panels = Vec::new();
    for setting in settings {
        let has = |metric: &str| {
            let mut rows = setting.rows.iter();
            rows.any(|row| row.cell(Part::All, metric).is_some())
        };
        // IoU at the fixed threshold only where none was chosen on validation.
        let shown = variation.metrics.iter().filter(|metric| match **metric {
            IOU_TUNED => has(IOU_TUNED),
            IOU => !has(IOU_TUNED),
            _ => true,
        });
        for metric in shown {
            match variation.layout {
                Layout::LossByLoss => {
                    panels.extend(
                        losses
                            .iter()
                            .map(|loss| panel(setting, metric, std::slice::from_ref(loss))),
                    );
                }
                Layout::Together => panels.push(panel(setting, metric, &losses)),
            }
        }
    }
    let columns = match variation.layout {
        Layout::LossByLoss => losses.len(),
        Layout::Together => variation.metrics.len(),
    };
    let (scale, axes) = match variation.layout {
        Layout::LossByLoss => (Scale::SharedByRow, " Panels of a row have the same axes."),
        Layout::Together => (Scale::Own, ""),
    };
    let mut labels: Vec<(usize, String)> = tones
        .iter()
        .map(|(variant, tone)| (*tone, (variation.label)(variant)))
        .collect();
    labels.sort();
    labels.dedup_by_key(|(tone, _)| *tone);
    let labels: Vec<String> = labels.into_iter().map(|(_, label)| label).collect();
    Grid {
        name: variation.name,
        columns,
        plot: plot_size(columns),
        panels,
        scale,
        tones: if labels.len() > 1 { labels } else { Vec::new() },
        caption: format!("{}{axes} {}", variation.about, pareto::CAPTION),
    }
}

/// Makes a table with a line for each baseline, and for each variant of each loss.
fn table(evidence: &Evidence, settings: &[&Setting], variation: &Variation) -> Table {
    let names = std::iter::once(&F1).chain(variation.metrics);
    let measures: Vec<Measure> = names.map(|name| evidence.measure(name)).collect();
    let mut columns = vec![
        Column::new("loss", "Loss", Kind::Text),
        Column::new("variant", "Annotations", Kind::Text),
    ];
    columns.extend(chosen::columns(&measures));
    let losses = varied(settings, variation);
    let section = |setting: &&Setting| {
        let mut lines = Vec::new();
        for row in setting.rows.iter().filter(|row| row.run.is_baseline()) {
            let label = vec![Cell::text(&row.label), Cell::text("")];
            lines.push(Line::new([label, chosen::cells(row, &measures)].concat()));
        }
        for run_set in here(setting, variation) {
            let shown = run_set.loss().is_some_and(|loss| losses.contains(loss));
            let Some(row) = run_set.chosen().filter(|_| shown) else {
                continue;
            };
            let loss = run_set.loss_label();
            let variant = (variation.label)(run_set.variant());
            let label = vec![Cell::maybe_text(loss), Cell::text(variant)];
            lines.push(Line::new([label, chosen::cells(row, &measures)].concat()));
        }
        Section {
            heading: setting.title(),
            lines,
        }
    };
    Table {
        name: variation.name,
        version: 1,
        columns,
        sections: settings.iter().map(section).collect(),
        caption: format!("{} {}", variation.about, chosen::CAPTION),
    }
}

//! Training curves as small multiples: a row for each run, with its loss, validation F1 and
//! validation EPG over epochs, and the selected checkpoint marked.

use super::Figure;
use super::axis::{Axis, Panel};
use super::style::{Emphasis, colour, draw_mark};
use super::svg::{Anchor, Face, GREY, INK, Paint, SMALL, Svg, TEXT, fitted, text_width};
use crate::comparison::{Row, Setting};
use crate::load::Results;
use crate::names;
use crate::run::{self, Epoch, Run};

const PLOT: (f64, f64) = (216.0, 112.0);
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const HEAD: f64 = 50.0;
const ROW_HEAD: f64 = 30.0;
const ROW_FOOT: f64 = 26.0;
const FOOT: f64 = 22.0;

/// The curves of every run of `settings` at the attribution and layer it was trained or guided with.
pub fn curves(results: &Results, settings: &[Setting]) -> Option<Figure> {
    let runs: Vec<&Run> = results
        .runs
        .iter()
        .filter(|run| !results.epochs(&run.run_id).is_empty())
        .collect();
    if runs.is_empty() {
        return None;
    }
    let labels = row_labels(&runs);
    let cell = LEFT + PLOT.0 + RIGHT;
    let row_height = ROW_HEAD + PLOT.1 + ROW_FOOT;
    let mut svg = Svg::new(cell * 3.0, HEAD + row_height * runs.len() as f64 + FOOT);
    let headings = ["Training loss", "Validation F1 (%)", "Validation EPG (%)"];
    for (column, heading) in headings.into_iter().enumerate() {
        let x = cell * column as f64 + LEFT + PLOT.0 / 2.0;
        svg.text((x, 22.0), Anchor::Middle, TEXT, INK, Face::Bold, heading);
    }
    loss_key(&mut svg);
    let all = || runs.iter().flat_map(|run| results.epochs(&run.run_id));
    let f1 = Axis::around(
        all().map(|epoch| epoch.val_f1 * 100.0),
        4.0,
        (0.0, 100.0),
        4,
    );
    let epg = Axis::around(
        all().map(|epoch| epoch.val_epg * 100.0),
        4.0,
        (0.0, 100.0),
        4,
    );
    for (index, (run, label)) in runs.iter().zip(labels).enumerate() {
        let top = HEAD + row_height * index as f64 + ROW_HEAD;
        let epochs = results.epochs(&run.run_id);
        let x = epoch_axis(epochs);
        let chosen = chosen(settings, run).and_then(|row| {
            epochs
                .iter()
                .find(|epoch| epoch.epoch == row.selection.epoch)
        });
        let panel = |column: usize, y: &Axis| Panel {
            left: cell * column as f64 + LEFT,
            top,
            width: PLOT.0,
            height: PLOT.1,
            x: x.clone(),
            y: y.clone(),
        };
        let label = fitted(&label, TEXT, cell * 3.0 - LEFT - RIGHT);
        svg.text(
            (LEFT, top - 9.0),
            Anchor::Start,
            TEXT,
            INK,
            Face::Bold,
            &label,
        );
        let losses = epochs
            .iter()
            .flat_map(|epoch| [epoch.loss, epoch.loss_class]);
        let loss = panel(0, &Axis::around(losses, 0.01, (0.0, f64::INFINITY), 4));
        loss.draw_ground(&mut svg);
        loss.draw_frame(&mut svg);
        if !run.is_baseline() {
            let dashed = Paint::stroke(colour(run.loss), 1.6)
                .dashed("5 3")
                .opacity(0.8);
            curve(&mut svg, &loss, epochs, |epoch| epoch.loss_class, dashed);
        }
        curve(
            &mut svg,
            &loss,
            epochs,
            |epoch| epoch.loss,
            Paint::stroke(colour(run.loss), 1.8),
        );
        for (column, axis, value) in [(1, &f1, val_f1 as fn(&Epoch) -> f64), (2, &epg, val_epg)] {
            let panel = panel(column, axis);
            panel.draw_ground(&mut svg);
            panel.draw_frame(&mut svg);
            curve(
                &mut svg,
                &panel,
                epochs,
                value,
                Paint::stroke(colour(run.loss), 1.8),
            );
            if let Some(epoch) = chosen.filter(|epoch| value(epoch).is_finite()) {
                let at = panel.at(f64::from(epoch.epoch), value(epoch));
                draw_mark(&mut svg, run.loss, at, Emphasis::Selected);
            }
        }
    }
    let bottom = HEAD + row_height * runs.len() as f64 + 12.0;
    for column in 0..3 {
        let x = cell * column as f64 + LEFT + PLOT.0 / 2.0;
        svg.text(
            (x, bottom),
            Anchor::Middle,
            TEXT,
            INK,
            Face::Regular,
            "Epoch",
        );
    }
    let caption = "Training loss (solid: total; dashed: its classification part), validation F1 and \
                   validation EPG over epochs, a row for each run; F1 and EPG have the same axes in \
                   all rows. The large mark is the checkpoint the table reports."
        .to_owned();
    Some(Figure {
        name: "training",
        svg: svg.finish(&caption),
        caption,
    })
}

fn val_f1(epoch: &Epoch) -> f64 {
    epoch.val_f1 * 100.0
}

fn val_epg(epoch: &Epoch) -> f64 {
    epoch.val_epg * 100.0
}

/// What the two lines of the loss panels are, under that column's heading.
fn loss_key(svg: &mut Svg) {
    const LINE: f64 = 20.0;
    const GAP: f64 = 5.0;
    let entries = [("total", ""), ("classification part", "5 3")];
    let width = |label: &str| LINE + GAP + text_width(label, SMALL);
    let total: f64 = entries
        .iter()
        .map(|(label, _)| width(label) + 3.0 * GAP)
        .sum();
    let mut x = LEFT + (PLOT.0 - total + 3.0 * GAP) / 2.0;
    for (label, dash) in entries {
        let paint = Paint::stroke(GREY, 1.6).dashed(dash);
        svg.line((x, 38.0), (x + LINE, 38.0), paint);
        let at = (x + LINE + GAP, 42.0);
        svg.text(at, Anchor::Start, SMALL, GREY, Face::Regular, label);
        x += width(label) + 3.0 * GAP;
    }
}

fn row_labels(runs: &[&Run]) -> Vec<String> {
    // Each run is named as guided where it was guided; what several runs share is left out.
    let own: Vec<String> = runs
        .iter()
        .map(|run| run.label(&run.attribution, &run.layer))
        .collect();
    let several = |key: fn(&Run) -> &str| runs.iter().any(|run| key(run) != key(runs[0]));
    let (datasets, backbones) = (several(|run| &run.dataset), several(|run| &run.backbone));
    let labels: Vec<String> = runs
        .iter()
        .zip(own)
        .map(|(run, label)| {
            let mut parts = vec![label];
            let maps = format!(
                "{} at {}",
                names::attribution(&run.attribution),
                names::layer(&run.layer)
            );
            parts.push(maps);
            parts.extend(backbones.then(|| run.backbone.clone()));
            parts.extend(datasets.then(|| names::dataset(&run.dataset).to_owned()));
            parts.join(" · ")
        })
        .collect();
    run::distinct(runs, labels)
}

fn chosen<'a>(settings: &'a [Setting], run: &Run) -> Option<&'a Row> {
    let rows = |setting: &'a Setting| setting.rows.iter().find(|row| row.run.run_id == run.run_id);
    settings
        .iter()
        .filter(|setting| setting.attribution == run.attribution && setting.layer == run.layer)
        .find_map(rows)
        .or_else(|| settings.iter().find_map(rows))
}

fn epoch_axis(epochs: &[Epoch]) -> Axis {
    let first = epochs.first().map_or(0, |epoch| epoch.epoch);
    let last = epochs.last().map_or(1, |epoch| epoch.epoch);
    Axis::whole(first, last, 6)
}

fn curve(svg: &mut Svg, panel: &Panel, epochs: &[Epoch], value: fn(&Epoch) -> f64, paint: Paint) {
    let points: Vec<(f64, f64)> = epochs
        .iter()
        .filter(|epoch| value(epoch).is_finite())
        .map(|epoch| panel.at(f64::from(epoch.epoch), value(epoch)))
        .collect();
    if let [only] = points[..] {
        svg.circle(only, 2.4, Paint::fill(paint.stroke));
    } else {
        svg.polyline(&points, paint);
    }
}

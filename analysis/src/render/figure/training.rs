//! Draws the training curves of a run (one training): its loss, validation F1 and validation EPG over epochs. The
//! checkpoint that the report shows is marked.

use crate::model::run::{Epoch, Run};
use crate::render::figure::drawing::Figure;
use crate::render::figure::grid::{Dot, Grid, Path, Plot, Quantity, Scale};
use crate::render::figure::style::Emphasis;

/// The curves of `run`, with a larger mark at the epoch `selected`. `None` if no epoch has a finite number.
pub fn curves(run: &Run, epochs: &[Epoch], selected: Option<i32>) -> Option<Figure> {
    let line = |value: fn(&Epoch) -> f64, tone: usize| {
        let points = epochs
            .iter()
            .map(|epoch| (f64::from(epoch.epoch), value(epoch)));
        Path {
            points: points.filter(|(_, value)| value.is_finite()).collect(),
            loss: run.loss.clone(),
            tone,
        }
    };
    let dots = |value: fn(&Epoch) -> f64| {
        let dot = |epoch: &Epoch| Dot {
            at: (f64::from(epoch.epoch), value(epoch)),
            across: None,
            up: None,
            loss: run.loss.clone(),
            tone: 0,
            emphasis: match selected {
                Some(selected) if selected == epoch.epoch => Emphasis::Selected,
                _ => Emphasis::Plain,
            },
        };
        let shown = epochs.iter().filter(|epoch| value(epoch).is_finite());
        shown.map(dot).collect()
    };
    let plot = |title: &str, y: Quantity, value: fn(&Epoch) -> f64| Plot {
        title: title.to_owned(),
        x: Quantity::Whole("Epoch".to_owned()),
        y,
        baseline: None,
        paths: vec![line(value, 0)],
        dots: dots(value),
    };
    let percent = |name: &str| Quantity::Percent(format!("{name} (%)"));
    let mut loss = plot(
        "Training loss",
        Quantity::Plain("Loss".to_owned()),
        |epoch| epoch.loss,
    );
    // A baseline has no localization loss, so the two curves would be one.
    if !run.is_baseline() {
        loss.paths.push(line(|epoch| epoch.loss_class, 1));
    }
    let grid = Grid {
        name: "training",
        columns: 3,
        plot: (250.0, 130.0),
        panels: vec![
            Some(loss),
            Some(plot("Validation F1", percent("F1"), |epoch| {
                epoch.val_f1 * 100.0
            })),
            Some(plot("Validation EPG", percent("EPG"), |epoch| {
                epoch.val_epg * 100.0
            })),
        ],
        scale: Scale::Own,
        tones: Vec::new(), // the caption tells solid from dashed, not the legend
        caption:
            "Training loss (solid: total; dashed: its classification part), validation F1 and \
                  validation EPG over epochs. The large mark is the checkpoint the table reports."
                .to_owned(),
    };
    grid.draw()
}

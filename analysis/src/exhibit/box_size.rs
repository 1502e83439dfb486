//! Makes the exhibit `box_size`: the baseline's and each loss's mean EPG over test pairs with boxes of one
//! size (paper, supplement; reproduction study). A pair is an image and a class on it; its size is the
//! share of the image that the boxes of the class cover.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::strata::{dot, exhibit, part_name, values, with_parts};
use crate::model::evidence::Evidence;
use crate::model::run_sets::each_loss;
use crate::model::subject::Part;
use crate::render::figure::grid::{Grid, Path, Plot, Quantity, Scale, plot_size};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "box_size",
    title: "EPG by size of the boxes",
    about: "EPG by size of the boxes (supplement)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes a panel for each setting (runs trained and scored alike): sizes across, EPG up, a line for each
/// loss, and the table of the same numbers.
fn make(evidence: &Evidence) -> Made {
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
                loss: row.run.loss.clone(),
                // The full colour of the loss.
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

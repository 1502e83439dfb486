//! Makes the exhibit `classes`: the baseline's and each loss's mean EPG over the test pairs of each class.
//! A pair is an image and a class on it.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::strata::{dot, exhibit, part_name, values, with_parts};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::each_loss;
use crate::model::subject::Part;
use crate::render::figure::grid::{Grid, Plot, Quantity, Scale, plot_size};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "classes",
    title: "EPG by class",
    about: "EPG by class",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes a panel for each setting (runs trained and scored alike): EPG across, a line of dots for each class,
/// from the bottom in the ascending order of the baseline's EPG; and the table of the same numbers.
fn make(evidence: &Evidence) -> Made {
    let mut settings = with_parts(evidence, |part| matches!(part, Part::Class(_)));
    for (setting, parts) in &mut settings {
        // The baseline, where the setting has one.
        let Some(first) = each_loss(setting).first().copied() else {
            continue;
        };
        // A class without EPG comes first.
        let epg = |part: &Part| first.cell(*part, EPG).and_then(|cell| cell.value);
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
                .map(|(index, epg)| (epg, index));
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
        // 19 pixels of height for each class are enough for its name.
        plot: (width, height.max(longest as f64 * 19.0)),
        panels,
        scale: Scale::Own,
        tones: Vec::new(),
        caption: "Mean EPG of test pairs by class, in the order of the baseline's.".to_owned(),
    };
    exhibit(evidence, &settings, "classes_epg", "Class", &grid)
}

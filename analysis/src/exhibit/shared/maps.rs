//! Draws attribution maps of the same test images before and after guidance, and single maps for other
//! exhibits. A pair is an image and a class on it; an [`Example`] is a pair with its map by one checkpoint.

use crate::Result;
use crate::model::evidence::Evidence;
use crate::model::example::{Example, Pair};
use crate::model::extremes::Extremes;
use crate::model::measure::EPG;
use crate::model::run_sets::plain;
use crate::model::setting::{Row, Setting, preferred};
use crate::model::subject::Part;
use crate::render::colormap::{Picture, overlay, with_boxes};
use crate::render::figure::drawing::Figure;
use crate::render::figure::maps::{MapCell, MapGrid, MapRow};

/// The most images in a figure; chosen so that they fit side by side on a page.
const MOST: usize = 8;
/// The least side of a picture, in pixels; smaller images are magnified, so that boxes are thin lines. Chosen.
const LEAST: usize = 160;

/// The caption's words on how a map is drawn.
pub const HOW: &str = "Positive attribution for the class, white to dark red over the grey image, each map \
     scaled by its own 99.5th percentile; boxes of the class in cyan; below each map its EPG, the share \
     of positive attribution inside the boxes.";

/// Draws a figure: a row of images, then for each of `settings` a row of the baseline's maps and one of the
/// maps by the guided run chosen on validation. A setting holds runs trained and scored alike; all of
/// `settings` are of one data set and one task, since the other task has other classes of the same ids. A column
/// is a pair, identified by image id and class id, of which all these runs have a map. `None` if there is none.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn before_and_after(
    name: &str,
    evidence: &Evidence,
    settings: &[&Setting],
) -> Result<Option<Figure>> {
    let mut series: Vec<(&Setting, &Row)> = Vec::new();
    for setting in settings {
        let run_sets = plain(setting);
        let guided = preferred(
            run_sets
                .iter()
                .flat_map(|run_set| run_set.rows.iter().copied()),
        );
        series.extend(setting.baseline().map(|row| (*setting, row)));
        series.extend(guided.map(|row| (*setting, row)));
    }
    series.retain(|(setting, row)| evidence.maps(setting, row).next().is_some());
    let Some((setting, first)) = series.first() else {
        return Ok(None);
    };
    // The pairs that all runs of the figure have a map of, in the order of the examples.
    let in_all = |pair: &&Example| {
        series
            .iter()
            .all(|(setting, row)| evidence.map_of(setting, row, &pair.kept.pair).is_some())
    };
    let pairs: Vec<&Example> = evidence
        .maps(setting, first)
        .filter(in_all)
        .take(MOST)
        .collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    let mut rows = vec![MapRow {
        label: vec!["Image".to_owned()],
        cells: pairs.iter().map(|pair| Some(boxed(pair))).collect(),
    }];
    for (setting, row) in &series {
        let cell = |pair: &&Example| evidence.map_of(setting, row, &pair.kept.pair).map(map_cell);
        let label = vec![row.label.clone(), setting.backbone.clone(), setting.maps()];
        rows.push(MapRow {
            label,
            cells: pairs.iter().map(cell).collect(),
        });
    }
    let grid = MapGrid {
        name: name.to_owned(),
        headings: Vec::new(),
        together: pairs.len(),
        rows,
        caption: format!(
            "Maps of test images of {} before and after guidance: pairs of an image and a class on it that were drawn \
             at random. {HOW}",
            setting.model()
        ),
    };
    grid.draw().map(Some)
}

/// Draws a figure of the chosen pairs of a setting: rows of the worst, the median and the best, and of each pair
/// the image, the baseline's map and the guided run's.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn worst_to_best(name: &str, evidence: &Evidence, chosen: &Extremes) -> Result<Figure> {
    let Extremes {
        setting,
        guided,
        baseline,
        n,
        ..
    } = chosen;
    let cells = |pair: &Pair| {
        let before = evidence.map_of(setting, baseline, pair);
        let after = evidence.map_of(setting, guided, pair);
        [before.map(boxed), before.map(map_cell), after.map(map_cell)]
    };
    let row = |label: &str, pairs: &[Pair]| MapRow {
        label: vec![label.to_owned()],
        cells: pairs.iter().flat_map(cells).collect(),
    };
    let headings = ["Image", "Baseline", "Guided"].map(str::to_owned);
    let total = guided.cell(Part::All, EPG).map(|cell| cell.n);
    let among = match total.and_then(|total| usize::try_from(total).ok()) {
        Some(total) if total > *n => format!(
            "{n} of the {total} test pairs (an image and a class on it); these {n} were drawn at random, \
             before anything was scored"
        ),
        _ => format!("all {n} test pairs (an image and a class on it)"),
    };
    let grid = MapGrid {
        name: name.to_owned(),
        headings: headings
            .iter()
            .cycle()
            .take(3 * chosen.worst.len())
            .cloned()
            .collect(),
        together: headings.len(),
        rows: vec![
            row("Worst", &chosen.worst),
            row("Median", &chosen.median),
            row("Best", &chosen.best),
        ],
        caption: format!(
            "{}, before (baseline) and after guidance by {}: the worst, median and best by EPG after guidance, \
             among {among}. {HOW}",
            setting.title(),
            guided.label
        ),
    };
    grid.draw()
}

/// The cell of the bare image with the boxes of the class, and the class's name under it.
pub fn boxed(example: &Example) -> MapCell {
    MapCell {
        picture: with_boxes(&Picture::of(example), &example.boxes, scale(example)),
        under: example.class_name.clone(),
    }
}

/// The cell of the map over the image, with the boxes, and the map's EPG under it.
pub fn map_cell(example: &Example) -> MapCell {
    let drawn = overlay(&Picture::of(example), &example.map);
    MapCell {
        picture: with_boxes(&drawn, &example.boxes, scale(example)),
        under: example.epg_label(),
    }
}

/// The factor by which a picture is magnified to have [`LEAST`] pixels on its shorter side.
fn scale(example: &Example) -> usize {
    LEAST.div_ceil(example.height.min(example.width)).max(1)
}

//! Attribution maps of the same images before and after guidance: a panel as the paper's Fig. 1 and 2,
//! and all losses on one image as its Fig. 9.

use std::collections::BTreeSet;

use super::{Evidence, Made};
use crate::Result;
use crate::colormap::{overlay, with_boxes};
use crate::comparison::{Row, Setting, at_ends, preferred};
use crate::figure::Figure;
use crate::figure::maps::{MapCell, MapGrid, MapRow};
use crate::groups::{each_loss, plain};
use crate::load::examples::Example;
use crate::names::Loss;

/// Images in a panel.
const MOST: usize = 8;
/// Settings in a panel.
const MOST_SETTINGS: usize = 6;
/// The least side of a picture, pixels; smaller images are magnified, so that boxes are thin lines.
const LEAST: usize = 160;

const HOW: &str = "Positive attribution for the class, white to dark red over the grey image, each map \
     scaled by its own 99.5th percentile; boxes of the class in cyan; below each map its EPG, the share \
     of positive attribution inside the boxes.";

/// Rows: the images, then for each setting the baseline's maps and those of the run that validation
/// prefers. A figure for each data folder and task.
pub(super) fn panel(evidence: &Evidence) -> Result<Made> {
    let mut figures = Vec::new();
    let settings: Vec<&Setting> = evidence
        .settings
        .iter()
        .filter(|s| !plain(s).is_empty())
        .collect();
    let task_of = |s: &Setting| (s.dataset.clone(), s.data.clone(), s.task.clone());
    let tasks: BTreeSet<(String, String, String)> =
        settings.iter().map(|setting| task_of(setting)).collect();
    for (index, task) in tasks.iter().enumerate() {
        let here = settings.iter().filter(|setting| task_of(setting) == *task);
        let name = match index {
            0 => "panel".to_owned(),
            n => format!("panel_{}", n + 1),
        };
        let mut here = at_ends(&here.copied().collect::<Vec<_>>());
        here.truncate(MOST_SETTINGS);
        figures.extend(before_and_after(&name, evidence, &here)?);
    }
    Ok(match figures.is_empty() {
        true => Err(NO_MAPS.to_owned()),
        false => Ok((figures, Vec::new())),
    })
}

const NO_MAPS: &str = "the evaluations hold no example maps of a guided run and its baseline";

/// The baseline's maps and those of the run that validation prefers, in each of `settings`, which are
/// of one data set and task.
pub(super) fn before_and_after(
    name: &str,
    evidence: &Evidence,
    settings: &[&Setting],
) -> Result<Option<Figure>> {
    let mut series: Vec<(&Setting, &Row)> = Vec::new();
    for setting in settings {
        let groups = plain(setting);
        let guided = preferred(groups.iter().flat_map(|group| group.rows.iter().copied()));
        series.extend(setting.baseline().map(|row| (*setting, row)));
        series.extend(guided.map(|row| (*setting, row)));
    }
    series.retain(|(setting, row)| evidence.maps(setting, row).next().is_some());
    let Some((setting, first)) = series.first() else {
        return Ok(None);
    };
    // Image and class pairs that most have, in the order of the examples.
    let in_all = |pair: &&Example| {
        series
            .iter()
            .all(|(setting, row)| find(evidence, setting, row, pair).is_some())
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
        let cell = |pair: &&Example| find(evidence, setting, row, pair).map(map_cell);
        let label = vec![row.label.clone(), setting.backbone.clone(), setting.maps()];
        rows.push(MapRow {
            label,
            cells: pairs.iter().map(cell).collect(),
        });
    }
    let grid = MapGrid {
        name: name.to_owned(),
        headings: Vec::new(),
        rows,
        caption: format!(
            "Maps of test images of {} before and after guidance. {HOW}",
            setting.model()
        ),
    };
    grid.draw().map(Some)
}

/// One image for each setting: the baseline's map and each loss's.
pub(super) fn losses(evidence: &Evidence) -> Result<Made> {
    let with_maps = |setting| -> Vec<&Row> {
        let mut rows = each_loss(setting);
        rows.retain(|row| evidence.maps(setting, row).next().is_some());
        rows
    };
    let all = evidence
        .settings
        .iter()
        .map(|setting| (setting, with_maps(setting)));
    let compared: Vec<(&Setting, Vec<&Row>)> = all.filter(|(_, rows)| rows.len() > 2).collect();
    let losses = compared
        .iter()
        .flat_map(|(_, rows)| rows)
        .map(|row| row.run.loss);
    let losses: BTreeSet<Option<Loss>> = losses.collect();
    let mut rows = Vec::new();
    for (setting, of_loss) in &compared {
        let in_all = |pair: &&Example| {
            let mut rows = of_loss.iter();
            rows.all(|row| find(evidence, setting, row, pair).is_some())
        };
        let Some(pair) = evidence.maps(setting, of_loss[0]).find(in_all) else {
            continue;
        };
        let mut cells = vec![Some(boxed(pair))];
        for loss in &losses {
            let row = of_loss.iter().find(|row| row.run.loss == *loss);
            cells.push(
                row.and_then(|row| find(evidence, setting, row, pair))
                    .map(map_cell),
            );
        }
        rows.push(MapRow {
            label: vec![setting.model(), setting.maps()],
            cells,
        });
    }
    if rows.is_empty() {
        let missing =
            "maps of two losses and the baseline at least, through the same method and layer";
        return Ok(Err(missing.to_owned()));
    }
    let name = |loss: &Option<Loss>| loss.map_or("Baseline".to_owned(), |loss| loss.to_string());
    let grid = MapGrid {
        name: "losses".to_owned(),
        headings: std::iter::once("Image".to_owned())
            .chain(losses.iter().map(name))
            .collect(),
        rows,
        caption: format!(
            "One test image after guidance by each loss, of each the run that validation prefers. {HOW}"
        ),
    };
    Ok(Ok((vec![grid.draw()?], Vec::new())))
}

fn find<'a>(
    evidence: &Evidence<'a>,
    setting: &'a Setting,
    row: &'a Row,
    pair: &Example,
) -> Option<&'a Example> {
    evidence
        .maps(setting, row)
        .find(|example| example.image_id == pair.image_id && example.class_id == pair.class_id)
}

/// The image with the boxes of the class.
fn boxed(example: &Example) -> MapCell {
    MapCell {
        picture: with_boxes(&example.picture(), &example.boxes, scale(example)),
        under: example.class_name.clone(),
    }
}

/// The map over the image, with the boxes.
fn map_cell(example: &Example) -> MapCell {
    let drawn = overlay(&example.picture(), &example.map);
    MapCell {
        picture: with_boxes(&drawn, &example.boxes, scale(example)),
        under: example.epg_label(),
    }
}

fn scale(example: &Example) -> usize {
    LEAST.div_ceil(example.height.min(example.width)).max(1)
}

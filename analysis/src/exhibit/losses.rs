//! The maps of one image after guidance by each loss (paper, Fig. 9).

use std::collections::BTreeSet;

use crate::Result;
use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::maps::{HOW, boxed, find, map_cell};
use crate::model::evidence::Evidence;
use crate::model::example::Example;
use crate::model::loss::Loss;
use crate::model::run_sets::each_loss;
use crate::model::setting::{Row, Setting};
use crate::render::figure::maps::{MapGrid, MapRow};

pub(super) const ENTRY: Entry = Entry {
    name: "losses",
    title: "The losses on one image",
    about: "The maps of one image after each loss (Fig. 9)",
    make: |evidence, _| make(evidence),
    said: None,
};

/// One image for each setting: the baseline's map and each loss's.
fn make(evidence: &Evidence) -> Result<Made> {
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
        .map(|row| row.run.loss.clone());
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
    let name = |loss: &Option<Loss>| loss.as_ref().map_or("Baseline".to_owned(), Loss::to_string);
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

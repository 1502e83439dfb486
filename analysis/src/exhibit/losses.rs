//! Makes the exhibit `losses`: for each setting, attribution maps of one test image by the baseline and by a
//! model guided with each loss (paper, Fig. 9).

use std::collections::BTreeSet;

use crate::Result;
use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::maps::{HOW, boxed, map_cell};
use crate::model::evidence::Evidence;
use crate::model::example::Example;
use crate::model::loss::Loss;
use crate::model::run_sets::each_loss;
use crate::model::setting::{Row, Setting};
use crate::render::figure::maps::{MapGrid, MapRow};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "losses",
    title: "The losses on one image",
    about: "The maps of one image after each loss (Fig. 9)",
    make: |evidence, _| make(evidence),
    said: None,
};

/// Makes a figure row for each setting (runs of one network, attribution method and layer, trained and scored
/// alike): one test image, its map by the baseline, and its map by the chosen run of each loss.
///
/// The outer `Result` is a failure to draw; the inner one's `Err` says which maps are missing.
fn make(evidence: &Evidence) -> Result<Made> {
    // The baseline and the best run of each loss, as far as they have example maps.
    let with_maps = |setting| -> Vec<&Row> {
        let mut runs = each_loss(setting);
        runs.retain(|row| evidence.maps(setting, row).next().is_some());
        runs
    };
    let all = evidence
        .settings
        .iter()
        .map(|setting| (setting, with_maps(setting)));
    // The baseline, which comes first, and at least two losses.
    let is_whole = |(_, runs): &(&Setting, Vec<&Row>)| runs.len() > 2 && runs[0].run.is_baseline();
    let compared: Vec<(&Setting, Vec<&Row>)> = all.filter(is_whole).collect();
    let losses = compared
        .iter()
        .flat_map(|(_, runs)| runs)
        .map(|row| row.run.loss.clone());
    // `None` is the baseline, and comes first.
    let losses: BTreeSet<Option<Loss>> = losses.collect();
    let mut rows = Vec::new();
    for (setting, runs) in &compared {
        let in_all = |example: &&Example| {
            let mut runs = runs.iter();
            runs.all(|row| evidence.map_of(setting, row, &example.kept.pair).is_some())
        };
        // The first pair of an image and one of its classes that all these runs have a map of.
        let Some(example) = evidence.maps(setting, runs[0]).find(in_all) else {
            continue;
        };
        let mut cells = vec![Some(boxed(example))];
        for loss in &losses {
            let row = runs.iter().find(|row| row.run.loss == *loss);
            cells.push(
                row.and_then(|row| evidence.map_of(setting, row, &example.kept.pair))
                    .map(map_cell),
            );
        }
        rows.push(MapRow {
            label: vec![setting.model(), setting.maps()],
            cells,
        });
    }
    if rows.is_empty() {
        let missing = "maps of the baseline and at least two losses, through the same method and layer, of one image";
        return Ok(Err(missing.to_owned()));
    }
    let name = |loss: &Option<Loss>| loss.as_ref().map_or("Baseline".to_owned(), Loss::to_string);
    let grid = MapGrid {
        name: "losses".to_owned(),
        headings: std::iter::once("Image".to_owned())
            .chain(losses.iter().map(name))
            .collect(),
        together: losses.len() + 1,
        rows,
        caption: format!(
            "In each row, attribution maps of one test image by the baseline and by a model guided with each loss; where \
             a loss has several runs, the one chosen on validation is shown. {HOW}"
        ),
    };
    Ok(Ok((vec![grid.draw()?], Vec::new())))
}

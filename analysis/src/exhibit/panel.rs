//! Makes the exhibit `panel`: attribution maps of the same test images by the baseline (before guidance) and
//! by a guided model (paper, Fig. 1 and 2). First come the worst, median and best pairs (an image and a class on
//! it) of each setting, then random ones.

use std::collections::BTreeSet;

use crate::Result;
use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::maps::{before_and_after, worst_to_best};
use crate::model::evidence::Evidence;
use crate::model::run_sets::plain;
use crate::model::setting::{Setting, at_ends};

/// The most settings (runs trained and scored alike) in a figure of random pairs, so that it fits a page.
const MOST_SETTINGS: usize = 6;

/// The reason if there is nothing to show.
const NO_MAPS: &str = "the evaluations hold no example maps of a guided run and its baseline";

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "panel",
    title: "Maps before and after guidance",
    about: "Images with maps before and after guidance (Fig. 1 and 2)",
    make: |evidence, _| make(evidence),
    said: None,
};

/// Makes a figure of the worst, median and best pairs for each setting that has them, and one of random pairs
/// for each data folder and task. The rows of the latter are the images, then for each setting the maps of the
/// baseline and of the guided run that did best on validation.
fn make(evidence: &Evidence) -> Result<Made> {
    let mut figures = Vec::new();
    for (index, extremes) in evidence.extremes.iter().enumerate() {
        figures.push(worst_to_best(
            &numbered("worst_to_best", index),
            evidence,
            extremes,
        )?);
    }
    // The settings that have runs guided through their own method and layer.
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
        let name = numbered("panel", index);
        let mut here = at_ends(&here.copied().collect::<Vec<_>>());
        here.truncate(MOST_SETTINGS);
        figures.extend(before_and_after(&name, evidence, &here)?);
    }
    Ok(match figures.is_empty() {
        true => Err(NO_MAPS.to_owned()),
        false => Ok((figures, Vec::new())),
    })
}

/// The name of a figure of several: the first has none of the numbers.
fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        n => format!("{name}_{}", n + 1),
    }
}

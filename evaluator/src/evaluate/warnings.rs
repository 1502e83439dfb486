//! Makes the warnings of `evaluator score`: which pairs, classes and logits make a metric say less than it
//! seems to, and what was assumed. Each is a line that the program prints after `warning: `. No metric depends
//! on a warning.

use data_prep::dataset::{Dataset, Labels, Split};
use data_prep::error::quoted;

use super::informative::Informative;
use super::predictions::Predictions;
use super::tuned::Tuned;
use crate::maps::Source;
use crate::metrics::energy::UNDEFINED_BELOW;
use crate::metrics::overlap::UNSTRETCHED_BELOW;
use crate::metrics::pair::ScoredPair;
use crate::metrics::pooled::{EMPTY_MASK, NO_POSITIVE, UNDER_CONSTANT};

/// The most class names that a warning lists. Chosen.
const NAMES: usize = 3;

/// The least and the greatest of the logits seen, and their number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    n: usize,
    least: f32,
    greatest: f32,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            n: 0,
            least: f32::INFINITY,
            greatest: f32::NEG_INFINITY,
        }
    }
}

impl Extend<f32> for Range {
    fn extend<I: IntoIterator<Item = f32>>(&mut self, values: I) {
        for value in values {
            self.n += 1;
            self.least = self.least.min(value);
            self.greatest = self.greatest.max(value);
        }
    }
}

impl Range {
    /// Whether all values lie in 0..=1, as probabilities do.
    fn is_of_probabilities(&self) -> bool {
        self.n > 0 && self.least >= 0.0 && self.greatest <= 1.0
    }
}

/// Returns warnings about classes that can say nothing about guidance (on nearly all images, or with boxes over most
/// of the image).
pub(crate) fn of_classes(informative: &Informative) -> Vec<String> {
    let why_not = informative.why_not.values();
    let warnings =
        why_not.map(|why| format!("{why}; epg_informative and f1_informative leave it out"));
    warnings.collect()
}

/// Returns warnings about pairs (an image and a class on it) that a mean counts as 0 or leaves out, or whose IoU a
/// constant of the official code decides.
pub(crate) fn of_pairs(pairs: &[ScoredPair]) -> Vec<String> {
    // Pairs whose IoU the official code's constant decides.
    let of_iou = pairs.iter().filter(|pair| pair.is_iou_under_constant);
    // Pairs with a segmentation and no positive attribution in the mask.
    let is_beside = |pair: &&ScoredPair| pair.segment_energy.is_some() && pair.energy.inside == 0.0;
    let beside = pairs.iter().filter(is_beside);
    let lines = [
        (
            EMPTY_MASK.of(pairs),
            "have an empty mask, as of boxes within one row or one column of the grid (SPEC A.5): their EPG and IoU are 0".to_owned(),
        ),
        (
            NO_POSITIVE.of(pairs),
            "have no positive attribution: epg counts them as 0, epg_defined leaves them out".to_owned(),
        ),
        (
            UNDER_CONSTANT.of(pairs),
            format!("have positive attribution of less than {UNDEFINED_BELOW:e} in all: epg counts them as 0, as the paper's code does (SPEC B); epg_defined counts them by their share"),
        ),
        (
            beside.count(),
            "have a segmentation and no positive attribution in their mask: on_object counts them as 0"
                .to_owned(),
        ),
        (
            of_iou.count(),
            format!("have a map whose positive part varies by less than {UNSTRETCHED_BELOW:e}: IoU divides it by its maximum and does not subtract its minimum, as the paper's code does (SPEC B)"),
        ),
    ];
    lines
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, line)| format!("{n} of {} pairs {line}", pairs.len()))
        .collect()
}

/// Returns a warning if the logits in the map file look like probabilities. No metric uses them.
pub(crate) fn of_map_logits(maps: &Source, logits: &Range) -> Option<String> {
    logits.is_of_probabilities().then(|| {
        format!(
            "{maps}: logit: all {} values are from 0 to 1, as probabilities are; no metric is made of them",
            logits.n
        )
    })
}

/// Returns warnings about logits that look like probabilities; about classes that are predicted always or
/// never, are on all images or on none, or have the same logit on all images; and about images that are
/// left out.
pub(crate) fn of_predictions(
    predictions: &Predictions,
    dataset: &Dataset,
    split: Split,
) -> Vec<String> {
    let mut range = Range::default();
    range.extend(predictions.logits.iter().flatten().copied());
    let images = dataset.indices(split);
    // (Index in the data set, logits) of the images that have logits.
    let there: Vec<(usize, &[f32])> = images
        .iter()
        .zip(&predictions.logits)
        .filter(|(_, logits)| !logits.is_empty())
        .map(|(&index, logits)| (index, logits.as_slice()))
        .collect();
    let path = predictions.path.display();
    let mut lines = Vec::new();
    if there.len() < images.len() {
        lines.push(format!(
            "{path}: logit: found none for {} of {} images of split {split}, which all metrics of logits leave out",
            images.len() - there.len(),
            images.len(),
        ));
    }
    if there.is_empty() {
        return lines;
    }
    let n = range.n;
    if predictions.labels == Labels::Single {
        // The greatest logit is predicted, whatever its value.
    } else if range.is_of_probabilities() {
        lines.push(format!(
            "{path}: logit: all {n} values are from 0 to 1, as probabilities are; taken as logits, whose threshold is 0 (probability 0.5), so that every class of every image counts as predicted"
        ));
    } else if range.least >= 0.0 {
        lines.push(format!(
            "{path}: logit: none of {n} values is below the threshold 0 (probability 0.5), so that every class of every image counts as predicted"
        ));
    } else if range.greatest < 0.0 {
        lines.push(format!(
            "{path}: logit: none of {n} values reaches the threshold 0 (probability 0.5), so that no class counts as predicted"
        ));
    }
    if dataset.classes.len() == 1 {
        let class = quoted(&dataset.classes[0]);
        lines.push(match predictions.labels {
            Labels::Multi => format!(
                "{path}: logit: one class: f1 and accuracy_cells are of whether {class} is on an image, by the threshold 0 (probability 0.5); map has no threshold"
            ),
            Labels::Single => format!(
                "{path}: logit: one class, of which every image is taken to show one: {class} is predicted on all images, whatever the logits"
            ),
        });
    }
    let classes_where = |is_so: &dyn Fn(usize) -> bool| -> Vec<&str> {
        let classes = 0..dataset.classes.len();
        let names = classes.filter(|&class| is_so(class));
        names.map(|class| dataset.classes[class].as_str()).collect()
    };
    let n_positive = |class: usize| {
        let is_label = |index: usize| dataset.images[index].labels.contains(&(class as i32));
        there.iter().filter(|(index, _)| is_label(*index)).count()
    };
    let is_same = |class: usize| {
        let first = there[0].1[class];
        there.len() > 1 && there.iter().all(|(_, logits)| logits[class] == first)
    };
    for (classes, what, so) in [
        (
            classes_where(&|class| n_positive(class) == 0),
            "no image has",
            "map leaves it out",
        ),
        (
            classes_where(&|class| n_positive(class) == there.len()),
            "every image has",
            "average precision is 1 whatever the logits",
        ),
        // A class on no image has no average precision.
        (
            classes_where(&|class| is_same(class) && n_positive(class) > 0),
            "every image has the same logit for",
            "average precision is the share of images with the class",
        ),
    ] {
        if !classes.is_empty() {
            let (names, n, of) = (listed(&classes), classes.len(), dataset.classes.len());
            lines.push(format!(
                "{path}: {what} {names} ({n} of {of} classes) on split {split}: {so}"
            ));
        }
    }
    lines
}

/// Returns warnings about a threshold that was chosen on another split.
pub(crate) fn of_threshold(tuned: &Tuned, is_run_known: bool) -> Vec<String> {
    let folder = tuned.evaluation.folder.display();
    let mut lines = Vec::new();
    if !is_run_known && !tuned.evaluation.is_run_known {
        lines.push(format!(
            "{folder}: run_id: neither the maps that are scored nor those of that evaluation say their run; both are taken to be of the same one"
        ));
    }
    if tuned.is_arbitrary {
        lines.push(format!(
            "{folder}: iou_sweep: the mean IoU is the same at every threshold; iou_tuned takes the lowest threshold"
        ));
    }
    lines
}

/// Returns the first names, quoted, and `…` for the rest.
fn listed(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES).map(|name| quoted(name)).collect();
    if names.len() > NAMES {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

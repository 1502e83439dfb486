//! Reads two evaluations of the same images side by side: for each image the differences of its pairs'
//! values (B − A), and how well each of the two runs predicts it. An evaluation is the folder that `evaluator
//! score` writes about one checkpoint's maps of one split.
//!
//! A pair is an image and a class on it; it has one attribution map. A prediction is for an image and any class; it
//! has one logit.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow::array::Array;
use data_prep::dataset::{Dataset, Task};

use super::scores::Scores;
use crate::error::{Error, Result};
use crate::evaluate::{
    Belonging, DATA_INPUTS_KEY, Evaluation, METRICS, PREDICTIONS, PREDICTIONS_KEY, Rows, SCORES,
    fingerprint,
};
use crate::maps::{RunColumns, Source};
use crate::metrics::pooled::{Counts, arg_max, decided};

/// An image in both evaluations.
#[derive(Debug, Default)]
pub(super) struct PairedImage {
    /// The image's group (e.g. waterbird on land); `None` where the data has no groups, or where the image has no
    /// pair: only the rows of pairs in `scores.parquet` say the group.
    pub(super) group_id: Option<i32>,
    /// For each compared metric of pairs, the sum of B − A over the image's pairs; `None` where none of its
    /// pairs counts in both evaluations. Empty where the image has no pair.
    pub(super) differences: Vec<Option<f64>>,
    /// The outcomes of A and B; `None` without predictions.
    pub(super) outcomes: Option<[Outcome; 2]>,
}

/// How well one run predicts an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// Counts of true and false positives and negatives over its classes.
    pub(super) counts: Counts,
    /// Whether the class with the greatest logit is one of the image's labels.
    pub(super) is_right: bool,
}

/// Returns the images of `a` and `b` in the order of their ids, and the number of their pairs. `data` is
/// the data folder of both, whose labels are the targets where `predictions.parquet` has none.
///
/// # Errors
/// When a table does not fit its schema, the two do not have the same pairs and predictions, or predictions are
/// not those that were scored.
pub(super) fn read(
    a: &Evaluation,
    b: &Evaluation,
    data: Option<&Path>,
) -> Result<(Vec<PairedImage>, usize)> {
    let mut images = BTreeMap::new();
    let n_pairs = add_pairs(a, b, &mut images)?;
    if [a, b].into_iter().all(has_predictions) {
        add_outcomes(a, b, data, &mut images)?;
    }
    Ok((images.into_values().collect(), n_pairs))
}

/// Whether the evaluation has scored logits and their file is there. A `predictions.parquet` in the folder
/// of an evaluation without logits does not belong to it.
pub(super) fn has_predictions(side: &Evaluation) -> bool {
    side.predictions.is_some() && side.path(&PREDICTIONS).is_file()
}

/// Adds each pair's differences to its image, and returns the number of pairs.
fn add_pairs(
    a: &Evaluation,
    b: &Evaluation,
    images: &mut BTreeMap<String, PairedImage>,
) -> Result<usize> {
    let (in_a, in_b) = (Scores::read(a)?, Scores::read(b)?);
    let n_pairs = in_a.len();
    for pair in 0..n_pairs.max(in_b.len()) {
        let (Some(key), true) = (in_a.key(pair), in_a.key(pair) == in_b.key(pair)) else {
            let [found, expected] = [in_b.key(pair), in_a.key(pair)].map(|key| match key {
                Some((image_id, class_id)) => format!("image {image_id} class {class_id}"),
                None => "no pair".to_owned(),
            });
            let expected = format!("{expected} as in {}", a.path(&SCORES).display());
            return Err(Error::problem(
                &b.path(&SCORES),
                format!("pair {pair}"),
                found,
                expected,
            ));
        };
        let image = images.entry(key.0.to_owned()).or_default();
        image.group_id = in_a.group_id(pair);
        let values = in_a.counted(pair).iter().zip(in_b.counted(pair));
        image.differences.resize(values.len(), None);
        for (sum, (value_a, value_b)) in image.differences.iter_mut().zip(values) {
            if let (Some(value_a), Some(value_b)) = (value_a, value_b) {
                *sum.get_or_insert(0.0) += value_b - value_a;
            }
        }
    }
    Ok(n_pairs)
}

/// Adds both outcomes to each image. Refuses predictions for different classes or with different targets, and
/// logits that are not those that were scored.
fn add_outcomes(
    a: &Evaluation,
    b: &Evaluation,
    data: Option<&Path>,
    images: &mut BTreeMap<String, PairedImage>,
) -> Result<()> {
    let (in_a, mut in_b) = (predictions(a, data)?, predictions(b, data)?);
    let found = [&in_a, &in_b].map(fingerprint_of);
    let other = |image_id: &str, found: &str, expected: &str| {
        let found = format!("{found} of image {image_id}");
        let expected = format!("{expected} as in {}", a.path(&PREDICTIONS).display());
        Error::problem(&b.path(&PREDICTIONS), "image_id", found, expected)
    };
    for (image_id, predictions_a) in in_a {
        let Some(predictions_b) = in_b.remove(&image_id) else {
            return Err(other(&image_id, "no logit", "one for each class"));
        };
        let labels = |predictions: &[Prediction]| -> Vec<(i32, bool)> {
            predictions
                .iter()
                .map(|prediction| (prediction.class_id, prediction.target))
                .collect()
        };
        if labels(&predictions_a) != labels(&predictions_b) {
            return Err(other(&image_id, "other classes or targets", "those"));
        }
        let image = images.entry(image_id).or_default();
        image.outcomes = Some([
            outcome(&predictions_a, a.labels),
            outcome(&predictions_b, b.labels),
        ]);
    }
    if let Some(image_id) = in_b.keys().next() {
        return Err(other(image_id, "logits", "none"));
    }
    // Compared by hash with what `evaluator score` noted when it scored them.
    for (side, found) in [a, b].into_iter().zip(found) {
        if side.predictions.as_ref() != Some(&found) {
            let scored = side.predictions.as_deref().unwrap_or("none");
            let whose = format!("{scored}, those that were scored ({PREDICTIONS_KEY})");
            let found = format!("logits with the hash {found}");
            return Err(Error::problem(
                &side.path(&PREDICTIONS),
                "logit",
                found,
                whose,
            ));
        }
    }
    Ok(())
}

/// Returns the hash of the images' logits.
fn fingerprint_of(images: &BTreeMap<String, Vec<Prediction>>) -> String {
    let images = images.iter();
    fingerprint(images.map(|(id, predictions)| {
        (
            id.as_str(),
            predictions.iter().map(|prediction| prediction.logit),
        )
    }))
}

/// One row of `predictions.parquet`: an image's logit for a class.
struct Prediction {
    class_id: i32,
    logit: f32,
    /// Whether the class is on the image.
    target: bool,
}

/// Reads the predictions of each image, ordered by class.
fn predictions(
    side: &Evaluation,
    data: Option<&Path>,
) -> Result<BTreeMap<String, Vec<Prediction>>> {
    let task: Task = side.task.parse().unwrap_or_default();
    // The predictions must be of the same run, checkpoint, split and precision as the evaluation.
    let expected = RunColumns {
        task: Some(task),
        ..side.key.columns()
    };
    let whose = format!("in {}", side.path(&METRICS).display());
    let source = Source::File(side.path(&PREDICTIONS));
    let mut rows = Rows::open(&source, Belonging::new(&expected, &whose))?;
    let mut images: BTreeMap<String, Vec<Prediction>> = BTreeMap::new();
    let mut labels: Option<Labels> = None;
    while let Some(batch) = rows.next_batch()? {
        if batch.targets.is_none() && labels.is_none() {
            labels = Some(Labels::open(side, task, rows.path(), data)?);
        }
        for row in 0..batch.image_ids.len() {
            let (image_id, class_id) = (batch.image_ids.value(row), batch.class_ids.value(row));
            let is_label = || {
                labels
                    .as_ref()
                    .is_some_and(|l| l.contain(image_id, class_id))
            };
            let prediction = Prediction {
                class_id,
                logit: batch.logits.value(row),
                target: match &batch.targets {
                    Some(targets) => targets.value(row),
                    None => is_label(),
                },
            };
            match images.get_mut(image_id) {
                Some(predictions) => predictions.push(prediction),
                None => {
                    images.insert(image_id.to_owned(), vec![prediction]);
                }
            }
        }
    }
    for predictions in images.values_mut() {
        predictions.sort_by_key(|prediction| prediction.class_id);
    }
    Ok(images)
}

/// The labels of a data folder's images.
struct Labels(HashMap<String, Vec<i32>>);

impl Labels {
    /// Reads the labels of `data`, which must be the data folder that `side` was scored against.
    fn open(side: &Evaluation, task: Task, path: &Path, data: Option<&Path>) -> Result<Self> {
        let Some(data) = data else {
            let path = path.to_owned();
            return Err(Error::NoTarget { path });
        };
        let dataset = Dataset::open(data)?.with_task(task)?;
        let whose = format!("in {}", data.display());
        side.expect(DATA_INPUTS_KEY, &side.data_inputs, dataset.inputs(), &whose)?;
        let images = dataset.images.into_iter();
        Ok(Self(
            images.map(|image| (image.image_id, image.labels)).collect(),
        ))
    }

    /// Whether `class_id` is a label of the image.
    fn contain(&self, image_id: &str, class_id: i32) -> bool {
        let labels = self.0.get(image_id);
        labels.is_some_and(|labels| labels.contains(&class_id))
    }
}

/// Returns the outcome of one run on an image from its predictions.
fn outcome(predictions: &[Prediction], labels: data_prep::dataset::Labels) -> Outcome {
    let logits: Vec<f32> = predictions
        .iter()
        .map(|prediction| prediction.logit)
        .collect();
    let targets: Vec<bool> = predictions
        .iter()
        .map(|prediction| prediction.target)
        .collect();
    Outcome {
        counts: Counts::of(&decided(&logits, labels), &targets),
        is_right: targets[arg_max(&logits)],
    }
}

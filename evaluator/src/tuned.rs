//! IoU's threshold chosen on a validation split (SPEC B).
//!
//! Of the sweep's thresholds 0.00, 0.05, … 0.95 it is the one with the greatest mean IoU over all pairs
//! of an evaluation on another split, the lowest of equals: one threshold for a checkpoint, an
//! attribution method and a layer. How the paper chose is not known; its code has 0.5 throughout.

use std::path::Path;

use data_prep::dataset::Dataset;

use crate::classification::arg_max;
use crate::error::{Error, Result};
use crate::evaluation::{DATA_INPUTS_KEY, Evaluation, TASK_KEY};
use crate::iou::{N_THRESHOLDS, sweep_threshold};
use crate::tables::{METRICS, RunKey};

/// A chosen threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuned {
    /// Its place in the sweep.
    pub index: usize,
    /// Hash of what the evaluation it was chosen on was made from.
    pub inputs: String,
}

/// Chooses the threshold for maps of `key` on `dataset` by the evaluation in `folder`.
///
/// # Errors
/// When there is no finished evaluation, it is of another run, checkpoint, attribution, layer, task or
/// data folder, or of the same split, or has no sweep.
pub fn choose(folder: &Path, key: &RunKey, dataset: &Dataset) -> Result<Tuned> {
    let evaluation = Evaluation::open(folder)?;
    let found = &evaluation.key;
    let [epoch, expected_epoch] = [found, key].map(|key| key.checkpoint.to_string());
    for (field, found, expected) in [
        ("run_id", &found.run_id, &key.run_id),
        ("checkpoint", &epoch, &expected_epoch),
        ("attribution", &found.attribution, &key.attribution),
        ("layer", &found.layer, &key.layer),
        (TASK_KEY, &evaluation.task, &dataset.task().to_string()),
    ] {
        evaluation.expect(field, found, expected, "in the maps")?;
    }
    let (inputs, expected) = (&evaluation.data_inputs, dataset.inputs());
    evaluation.expect(DATA_INPUTS_KEY, inputs, expected, "in the data folder")?;
    let path = evaluation.path(&METRICS);
    if found.split == key.split {
        let expected = "another split than the maps'";
        return Err(Error::problem(
            &path,
            "split",
            found.split.as_str(),
            expected,
        ));
    }
    let sweep: Vec<f64> = (0..N_THRESHOLDS)
        .filter_map(|k| {
            let mut rows = evaluation.metric("iou_sweep");
            let at = Some(sweep_threshold(k));
            rows.find(|row| row.group_id.is_none() && row.threshold == at)?
                .value
        })
        .collect();
    if sweep.len() < N_THRESHOLDS {
        let found = format!("iou_sweep at {} thresholds", sweep.len());
        let expected = format!("iou_sweep at {N_THRESHOLDS} thresholds");
        return Err(Error::problem(&path, "metric", found, expected));
    }
    Ok(Tuned {
        index: arg_max(&sweep),
        inputs: evaluation.inputs,
    })
}

//! Chooses IoU's threshold for the maps of one split by an earlier evaluation of the same run, checkpoint,
//! attribution method, layer and precision on another split, normally validation (docs/SPEC.md B).
//!
//! It is the one of 0.00, 0.05, … 0.95 (the sweep) with the greatest mean IoU over all pairs (an image and a class
//! on it) of that evaluation, the lowest of equals. So each checkpoint, method and layer has its own
//! threshold. How the paper chose its threshold is not known; its code has 0.5 throughout.

use std::path::Path;

use data_prep::dataset::{Dataset, Split};

use super::evaluation::Evaluation;
use super::keys::{DATA_INPUTS_KEY, TASK_KEY};
use super::tables::METRICS;
use crate::error::{Error, Result};
use crate::maps::RunColumns;
use crate::metrics::IOU_SWEEP;
use crate::metrics::overlap::{N_THRESHOLDS, sweep_threshold};
use crate::metrics::pooled::arg_max;

/// A chosen threshold.
#[derive(Debug)]
pub struct Tuned {
    /// Its index in the sweep.
    pub index: usize,
    /// Whether all thresholds are equally good, so that the choice is arbitrary.
    pub is_arbitrary: bool,
    /// The evaluation by which it was chosen.
    pub evaluation: Evaluation,
}

impl Tuned {
    /// Chooses the threshold for maps of `split` of `dataset` by the evaluation in `folder`. `known` is
    /// what the command line and the metadata of the maps say of them.
    ///
    /// # Errors
    /// When there is no finished evaluation in `folder`; when it is of another run, checkpoint,
    /// attribution, layer or precision than the maps, as far as these are known, of another task or data
    /// folder, or of the same split as the maps; when it has no sweep.
    pub fn choose(
        folder: &Path,
        known: &RunColumns,
        split: Split,
        dataset: &Dataset,
    ) -> Result<Self> {
        let evaluation = Evaluation::open(folder)?;
        check(&evaluation, known)?;
        // The data set was opened with the task of the maps.
        let task = dataset.task().to_string();
        evaluation.expect(TASK_KEY, &evaluation.task, &task, "in the maps")?;
        let (inputs, expected) = (&evaluation.data_inputs, dataset.inputs());
        evaluation.expect(DATA_INPUTS_KEY, inputs, expected, "in the data folder")?;
        let path = evaluation.path(&METRICS);
        let found = evaluation.key.split;
        if found == split {
            let expected = "another split than the maps'";
            return Err(Error::problem(&path, "split", found.as_ref(), expected));
        }
        // Mean IoU at each threshold. An `Evaluation` keeps no rows by class or size, so that without a
        // group a row is over all pairs.
        let sweep: Vec<f64> = (0..N_THRESHOLDS)
            .filter_map(|k| {
                let mut rows = evaluation.metric(IOU_SWEEP);
                let at = Some(sweep_threshold(k));
                rows.find(|row| row.group_id.is_none() && row.threshold == at)?
                    .value
            })
            .collect();
        if sweep.len() < N_THRESHOLDS {
            let found = format!("{IOU_SWEEP} at {} thresholds", sweep.len());
            let expected = format!("{IOU_SWEEP} at {N_THRESHOLDS} thresholds");
            return Err(Error::problem(&path, "metric", found, expected));
        }
        Ok(Self {
            index: arg_max(&sweep),
            is_arbitrary: sweep.iter().all(|value| *value == sweep[0]),
            evaluation,
        })
    }

    /// Checks once more that the maps and the evaluation are of one run, after all maps and predictions were read:
    /// only then are all columns of `key` (run, checkpoint, attribution, …) known. If neither the maps nor the
    /// evaluation say which run they are of, each `run_id` is only a file's name and is not compared.
    ///
    /// # Errors
    /// When they are of different runs.
    pub fn check(&self, key: RunColumns, is_run_known: bool) -> Result<()> {
        let run_id = key.run_id;
        let is_compared = is_run_known || self.evaluation.is_run_known;
        let run_id = run_id.filter(|_| is_compared);
        check(&self.evaluation, &RunColumns { run_id, ..key })
    }
}

/// Refuses an evaluation that differs from what is known of the maps. What is unknown is not compared, nor
/// is the precision where the evaluation does not know its own.
fn check(evaluation: &Evaluation, known: &RunColumns) -> Result<()> {
    let found = &evaluation.key;
    let epoch = found.checkpoint.to_string();
    let expected_epoch = known.checkpoint.map(|epoch| epoch.to_string());
    for (field, found, expected) in [
        ("run_id", Some(&found.run_id), &known.run_id),
        ("checkpoint", Some(&epoch), &expected_epoch),
        ("attribution", Some(&found.attribution), &known.attribution),
        ("layer", Some(&found.layer), &known.layer),
        ("precision", found.precision.as_ref(), &known.precision),
    ] {
        if let (Some(found), Some(expected)) = (found, expected) {
            evaluation.expect(field, found, expected, "in the maps")?;
        }
    }
    Ok(())
}

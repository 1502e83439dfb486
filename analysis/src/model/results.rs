//! Defines [`Results`]: the runs (trainings), metrics and bootstrap replicates (metrics over resamples of the test
//! images) of a results folder, and look-ups in them. [`crate::load`] reads them.
//!
//! A data folder is known by its provenance hash: the SHA-256 of what it was made from. Runs and evaluations refer
//! to it by that hash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use polars::prelude::DataFrame;

use crate::model::credit::Credit;
use crate::model::faithfulness::Faithfulness;
use crate::model::intervals::Replicates;
use crate::model::measure::Measures;
use crate::model::run::{Epoch, Run};
use crate::model::setting::Row;
use crate::model::step_times::StepTimes;
use crate::model::subject::{CONVENTIONAL, Metric, Part, Subject};

/// The folder of a finished evaluation: one checkpoint's maps of one split, scored.
#[derive(Debug)]
pub struct Evaluation {
    /// The folder.
    pub folder: PathBuf,
    /// The (run id, epoch) of the checkpoints whose maps it scores; one as a rule.
    pub checkpoints: BTreeSet<(String, i32)>,
}

/// The contents of a results folder.
#[derive(Debug)]
pub struct Results {
    /// The folder.
    pub root: PathBuf,
    /// Finished runs in the order of tables: baselines first, then by loss and λ.
    pub runs: Vec<Run>,
    /// Epochs of each run, by run id.
    pub epochs: BTreeMap<String, Vec<Epoch>>,
    /// Metrics by subject (what they were measured on).
    pub metrics: BTreeMap<Subject, Vec<Metric>>,
    /// Bootstrap replicates by subject and metric.
    pub replicates: BTreeMap<Subject, BTreeMap<String, Replicates>>,
    /// What was measured of the faithfulness of maps, by subject (the whole of the test split).
    pub faithfulness: BTreeMap<Subject, Faithfulness>,
    /// Times of training steps, one for each measurement.
    pub step_times: Vec<StepTimes>,
    /// The titles and units of metrics.
    pub measures: Measures,
    /// Names of the groups of images.
    pub group_names: FolderNames,
    /// Names of the classes.
    pub class_names: FolderNames,
    /// What the data sets say of themselves, by provenance hash of the data folder.
    pub credits: BTreeMap<String, Credit>,
    /// The classes that can say nothing about guidance, because they are on nearly every image or their boxes cover
    /// nearly all of it (docs/SPEC.md B), each with a clause that says why. Data without such classes is not in it.
    pub uninformative: FolderNames,
    /// The data folders that were found, by provenance hash.
    pub data: BTreeMap<String, PathBuf>,
    /// Finished evaluations of the test split, whose maps can be shown.
    pub evaluations: Vec<Evaluation>,
    /// All `run.parquet`, concatenated.
    pub run_frame: DataFrame,
    /// All `epochs.parquet`, concatenated.
    pub epoch_frame: DataFrame,
    /// All `metrics.parquet`, concatenated, with the task of each.
    pub metric_frame: DataFrame,
    /// The version of the evaluator's formulas, the same in all evaluations, and the first table that has it.
    pub formulas: Option<(u32, PathBuf)>,
    /// Notes on what was skipped and why, a line each.
    pub notes: Vec<String>,
    /// SHA-256 (hex) over the file names (without folders) and contents of all tables read. The examples are not
    /// part of it, because they are read later.
    pub inputs: String,
}

/// Names of groups or classes, or sentences about them: by provenance hash of the data folder, then by id.
pub type FolderNames = BTreeMap<String, BTreeMap<i32, String>>;

impl Results {
    /// The name of `group` in the data of provenance hash `data`, or its number where no name is known.
    pub fn group_name(&self, data: &str, group: i32) -> String {
        named(&self.group_names, data, group).unwrap_or_else(|| format!("group {group}"))
    }

    /// The name of `class` in `task` in the data of provenance hash `data`, or its number where no name
    /// is known. The only other task than the conventional one is Waterbirds' reversed one, with the classes land
    /// and water.
    pub fn class_name(&self, data: &str, task: &str, class: i32) -> String {
        let name = match (task, class) {
            (CONVENTIONAL, _) => named(&self.class_names, data, class),
            (_, 0) => Some("land".to_owned()),
            (_, 1) => Some("water".to_owned()),
            _ => None,
        };
        name.unwrap_or_else(|| format!("class {class}"))
    }

    /// The run of that id.
    pub fn run(&self, run_id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.run_id == run_id)
    }

    /// The replicates of a metric of `subject`; `None` where it has none.
    pub fn resampled(&self, subject: &Subject, metric: &str) -> Option<&Replicates> {
        self.replicates.get(subject)?.get(metric)
    }

    /// The value of a metric of `subject`; `None` where it was not measured, or is undefined.
    pub fn value(&self, subject: &Subject, metric: &str) -> Option<f64> {
        let mut metrics = self.metrics.get(subject)?.iter();
        metrics.find(|found| found.metric == metric)?.value
    }

    /// The epochs of a run; empty where it is unknown.
    pub fn epochs(&self, run_id: &str) -> &[Epoch] {
        self.epochs.get(run_id).map_or(&[], Vec::as_slice)
    }

    /// Whether the checkpoint that validation selected of a run is not of its last epoch: after the last one F1 may
    /// rise further.
    pub fn has_converged(&self, row: &Row) -> bool {
        let last = self.epochs(&row.run.run_id).last();
        last.is_none_or(|last| last.epoch != row.selection.epoch)
    }

    /// Returns what `run_id` was scored on, over the whole of a split: a subject for each of its epochs,
    /// splits, tasks and kinds of maps. Parts of a split, such as groups, are left out.
    pub fn scored<'a>(&'a self, run_id: &'a str) -> impl Iterator<Item = &'a Subject> {
        // Subjects are ordered by run id first; this one is below all of the run.
        let first = Subject {
            run_id: run_id.to_owned(),
            checkpoint: i32::MIN,
            split: String::new(),
            task: String::new(),
            attribution: String::new(),
            layer: String::new(),
            precision: None,
            part: Part::All,
        };
        self.metrics
            .range(first..)
            .map(|(subject, _)| subject)
            .take_while(move |subject| subject.run_id == run_id)
            .filter(|subject| subject.part == Part::All)
    }
}

/// The name of the group or class `id` in the folder of that data.
fn named(folders: &FolderNames, data: &str, id: i32) -> Option<String> {
    folders.get(data)?.get(&id).cloned()
}

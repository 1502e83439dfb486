//! A results folder in memory: every finished run, its epochs, and the metrics and replicates of
//! every finished evaluation. Maps for the report's panel are read later ([`examples`]), because only
//! those of the selected checkpoints are wanted.

pub mod examples;
mod formulas;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::configuration::Amount;
use crate::intervals::Replicates;
use crate::names::Measure;
use crate::run::{Epoch, Run};
use crate::schema::{
    self, CLASSES, EPOCHS, GROUPS, INPUTS_KEY, METRICS, Metadata, REPLICATES, RUN, TASK_KEY,
    TableSpec,
};
use crate::{Error, Result};

pub use formulas::Formulas;

/// The split that is reported.
pub const TEST: &str = "test";

/// The task whose classes are the data set's own.
pub const CONVENTIONAL: &str = "conventional";

/// The part of a split that a metric is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    All,
    /// A group of its images.
    Group(i32),
    /// The pairs of a class.
    Class(i32),
    /// The pairs whose mask covers a share of the pixels in [low, high).
    Size {
        /// Least share.
        low: Amount,
        /// The share that is too much.
        high: Amount,
    },
}

/// Waterbirds' group that the paper calls the worst: group = 2 · bird + place (SPEC C.4).
pub const WATERBIRD_ON_LAND: Part = Part::Group(2);

/// What a metric was measured on: a checkpoint, through maps of one method at one layer in one
/// precision, over one split or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Run.
    pub run_id: String,
    /// Epoch.
    pub checkpoint: i32,
    /// Split.
    pub split: String,
    /// The task whose classes and masks were scored; a baseline may be scored for both.
    pub task: String,
    /// Attribution method of the maps.
    pub attribution: String,
    /// Layer of the maps.
    pub layer: String,
    /// In which numbers the maps were computed, where they said it.
    pub precision: Option<String>,
    /// The part of the split.
    pub part: Part,
}

/// One row of `metrics.parquet` but for its subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Spelling, as in ARCHITECTURE.md.
    pub metric: String,
    /// Threshold on the scaled map, for IoU.
    pub threshold: Option<f64>,
    /// Fraction; `None` where undefined.
    pub value: Option<f64>,
    /// Pairs or images it is over.
    pub n: i64,
}

/// A finished evaluation's folder.
#[derive(Debug)]
pub struct Evaluation {
    /// The folder.
    pub folder: PathBuf,
    /// The runs and epochs whose maps it scores; one as a rule.
    pub checkpoints: BTreeSet<(String, i32)>,
}

/// Everything read from a results folder.
#[derive(Debug)]
pub struct Results {
    /// The folder.
    pub root: PathBuf,
    /// Finished runs in table order.
    pub runs: Vec<Run>,
    /// Epochs of each run.
    pub epochs: BTreeMap<String, Vec<Epoch>>,
    /// Metrics by subject.
    pub metrics: BTreeMap<Subject, Vec<Metric>>,
    /// Bootstrap replicates by subject and metric.
    pub replicates: BTreeMap<Subject, BTreeMap<Measure, Replicates>>,
    /// Names of the groups of images.
    pub group_names: FolderNames,
    /// Names of the classes.
    pub class_names: FolderNames,
    /// Finished evaluations of the test split, for [`examples`].
    pub evaluations: Vec<Evaluation>,
    /// All `run.parquet` under each other.
    pub run_frame: DataFrame,
    /// All `epochs.parquet` under each other.
    pub epoch_frame: DataFrame,
    /// All `metrics.parquet` under each other, and the task of each.
    pub metric_frame: DataFrame,
    /// The version of the formulas that all evaluations were made by.
    pub formulas: Formulas,
    /// What was passed over and why, a line each.
    pub notes: Vec<String>,
    /// sha256 (hex) of every table read, names and contents.
    pub inputs: String,
}

/// Names by provenance hash of the data folder and id.
pub type FolderNames = BTreeMap<String, BTreeMap<i32, String>>;

impl Results {
    /// Reads everything under `root/runs`, or only the runs named `only` where any are, and the group
    /// names under `root/data`.
    ///
    /// A run without `run.parquet` and an evaluation without `metrics.parquet` are unfinished: they
    /// are passed over with a note.
    ///
    /// # Errors
    /// A table that is not as its schema says, no finished run at all, or no metric on the test split.
    pub fn load(root: &Path, only: &[String]) -> Result<Self> {
        let mut reader = Reader::default();
        let mut results = Self {
            root: root.to_owned(),
            runs: Vec::new(),
            epochs: BTreeMap::new(),
            metrics: BTreeMap::new(),
            replicates: BTreeMap::new(),
            group_names: BTreeMap::new(),
            class_names: BTreeMap::new(),
            evaluations: Vec::new(),
            run_frame: DataFrame::empty(),
            epoch_frame: DataFrame::empty(),
            metric_frame: DataFrame::empty(),
            formulas: Formulas::default(),
            notes: Vec::new(),
            inputs: String::new(),
        };
        let mut folders = BTreeMap::new();
        for run_id in only {
            let path = root.join("runs").join(run_id).join("run.parquet");
            if !path.is_file() {
                let expected = "the run.parquet of a finished run";
                return Err(Error::table(&path, "--run", "no such file", expected));
            }
        }
        for folder in subfolders(&root.join("runs"))? {
            if !only.is_empty() && !only.iter().any(|run_id| folder.ends_with(run_id)) {
                continue;
            }
            let path = folder.join("run.parquet");
            if !path.is_file() {
                results
                    .notes
                    .push(format!("{}: unfinished run, left out", folder.display()));
                continue;
            }
            let (frame, _) = reader.read(&path, &RUN)?;
            let run = rows::run(&path, &frame)?;
            append(&mut results.run_frame, &frame, &path)?;
            if let Some(other) = folders.insert(run.run_id.clone(), folder.clone()) {
                return Err(Error::table(
                    &path,
                    "run_id",
                    format!("{} as in {}", run.run_id, other.display()),
                    "one folder for a run",
                ));
            }
            results.read_epochs(&mut reader, &run, &folder)?;
            results.read_evaluations(&mut reader, &folder)?;
            results.runs.push(run);
        }
        if results.runs.is_empty() {
            return Err(Error::NoRuns {
                dir: root.to_owned(),
            });
        }
        results.check_subjects()?;
        if !results.metrics.keys().any(|subject| subject.split == TEST) {
            return Err(Error::NoEvaluations {
                dir: root.to_owned(),
            });
        }
        for folder in subfolders(&root.join("data"))? {
            let named = [
                (&GROUPS, "group", &mut results.group_names),
                (&CLASSES, "class", &mut results.class_names),
            ];
            for (spec, what, names) in named {
                let path = folder.join(format!("{}.parquet", spec.name));
                if path.is_file() {
                    let (frame, metadata) = reader.read(&path, spec)?;
                    let found = rows::names(&frame, what).map_err(Error::polars(&path))?;
                    // Without one it is of no run's data.
                    if let Some(inputs) = metadata.get(INPUTS_KEY) {
                        names.insert(inputs.clone(), found);
                    }
                }
            }
        }
        results.runs.sort_by(Run::table_order);
        results.inputs = reader.finish();
        Ok(results)
    }

    /// The name of `group` in the data of provenance hash `data`, or its number where no name is known.
    pub fn group_name(&self, data: &str, group: i32) -> String {
        named(&self.group_names, data, group).unwrap_or_else(|| format!("group {group}"))
    }

    /// The name of `class` in `task` in the data of provenance hash `data`, or its number where no name
    /// is known. Waterbirds alone has another task than the conventional one.
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

    /// The epochs of a run; empty where it is unknown.
    pub fn epochs(&self, run_id: &str) -> &[Epoch] {
        self.epochs.get(run_id).map_or(&[], Vec::as_slice)
    }

    /// What `run_id` was scored on, over the whole of a split: each of its epochs, splits, tasks and maps.
    pub fn scored<'a>(&'a self, run_id: &'a str) -> impl Iterator<Item = &'a Subject> {
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

    fn read_epochs(&mut self, reader: &mut Reader, run: &Run, folder: &Path) -> Result<()> {
        let path = folder.join("epochs.parquet");
        let (frame, _) = reader.read(&path, &EPOCHS)?;
        let epochs = rows::epochs(&path, &frame, &run.run_id)?;
        append(&mut self.epoch_frame, &frame, &path)?;
        self.epochs.insert(run.run_id.clone(), epochs);
        Ok(())
    }

    fn read_evaluations(&mut self, reader: &mut Reader, run_folder: &Path) -> Result<()> {
        for folder in subfolders(&run_folder.join("evaluations"))? {
            let path = folder.join("metrics.parquet");
            if !path.is_file() {
                self.notes.push(format!(
                    "{}: unfinished evaluation, left out",
                    folder.display()
                ));
                continue;
            }
            let (frame, metadata) = reader.read(&path, &METRICS)?;
            self.formulas.take(&path, &metadata)?;
            let task = task_of(&metadata);
            let metrics = rows::metrics(&frame, task).map_err(Error::polars(&path))?;
            if metrics
                .keys()
                .any(|subject| self.metrics.contains_key(subject))
            {
                self.notes.push(format!(
                    "{}: scores a checkpoint that another evaluation of the run scores too, left out",
                    folder.display()
                ));
                continue;
            }
            let tested = metrics.keys().filter(|subject| subject.split == TEST);
            let checkpoints: BTreeSet<(String, i32)> = tested
                .map(|subject| (subject.run_id.clone(), subject.checkpoint))
                .collect();
            let tasks = Column::new("task".into(), vec![task; frame.height()]);
            let with_task = frame.hstack(&[tasks]).map_err(Error::polars(&path))?;
            append(&mut self.metric_frame, &with_task, &path)?;
            self.metrics.extend(metrics);
            let path = folder.join("replicates.parquet");
            if path.is_file() {
                let (frame, metadata) = reader.read(&path, &REPLICATES)?;
                self.formulas.check(&path, &metadata)?;
                let replicates = rows::replicates(&frame, task_of(&metadata));
                self.replicates
                    .extend(replicates.map_err(Error::polars(&path))?);
            } else if !checkpoints.is_empty() {
                self.notes.push(format!(
                    "{}: no replicates.parquet, so no intervals",
                    folder.display()
                ));
            }
            if !checkpoints.is_empty() {
                self.evaluations.push(Evaluation {
                    folder,
                    checkpoints,
                });
            }
        }
        Ok(())
    }

    /// Metrics name only runs that are there.
    fn check_subjects(&self) -> Result<()> {
        match self
            .metrics
            .keys()
            .find(|subject| self.run(&subject.run_id).is_none())
        {
            None => Ok(()),
            Some(subject) => Err(Error::table(
                &self.root.join("runs"),
                "metrics run_id",
                subject.run_id.as_str(),
                "the run_id of a run.parquet",
            )),
        }
    }
}

/// Reads tables and remembers a hash of what it read.
#[derive(Default)]
struct Reader {
    hash: Sha256,
}

impl Reader {
    fn read(&mut self, path: &Path, spec: &TableSpec) -> Result<(DataFrame, Metadata)> {
        let read = schema::read(path, spec)?;
        self.hash.update(name_of(path));
        self.hash.update(fs_err::read(path)?);
        Ok(read)
    }

    fn finish(self) -> String {
        self.hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The task an evaluation is of: only the unusual one is said.
fn task_of(metadata: &Metadata) -> &str {
    metadata.get(TASK_KEY).map_or(CONVENTIONAL, String::as_str)
}

/// The name in the folder of that data.
fn named(folders: &FolderNames, data: &str, id: i32) -> Option<String> {
    folders.get(data)?.get(&id).cloned()
}

fn append(all: &mut DataFrame, frame: &DataFrame, path: &Path) -> Result<()> {
    if all.width() == 0 {
        *all = frame.clone();
    } else {
        all.vstack_mut(frame).map_err(Error::polars(path))?;
    }
    Ok(())
}

/// Folders in `dir` by name; none when `dir` is not there.
fn subfolders(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

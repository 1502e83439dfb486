//! A results folder in memory: every finished run, its epochs, and the metrics and replicates of
//! every finished evaluation. Maps for the report's panel are read later ([`examples`]), because only
//! those of the selected checkpoints are wanted.

pub mod examples;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::intervals::Replicates;
use crate::names::Measure;
use crate::run::{Epoch, Run};
use crate::schema::{self, EPOCHS, GROUPS, METRICS, REPLICATES, RUN, TableSpec};
use crate::{Error, Result};

/// The split that is reported.
pub const TEST: &str = "test";

/// What a metric was measured on: a checkpoint, through maps of one method at one layer, over one
/// split or one group of its images.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Run.
    pub run_id: String,
    /// Epoch.
    pub checkpoint: i32,
    /// Split.
    pub split: String,
    /// Attribution method of the maps.
    pub attribution: String,
    /// Layer of the maps.
    pub layer: String,
    /// Group of images; `None` is all of the split.
    pub group: Option<i32>,
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
    /// Group names by data folder name and group id.
    pub group_names: BTreeMap<String, BTreeMap<i32, String>>,
    /// Folders of finished evaluations, for [`examples`].
    pub evaluations: Vec<PathBuf>,
    /// All `run.parquet` under each other.
    pub run_frame: DataFrame,
    /// All `epochs.parquet` under each other.
    pub epoch_frame: DataFrame,
    /// All `metrics.parquet` under each other.
    pub metric_frame: DataFrame,
    /// What was passed over and why, a line each.
    pub notes: Vec<String>,
    /// sha256 (hex) of every table read, names and contents.
    pub inputs: String,
}

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
            evaluations: Vec::new(),
            run_frame: DataFrame::empty(),
            epoch_frame: DataFrame::empty(),
            metric_frame: DataFrame::empty(),
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
            let frame = reader.read(&path, &RUN)?;
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
            let path = folder.join("groups.parquet");
            if path.is_file() {
                let names =
                    rows::groups(&reader.read(&path, &GROUPS)?).map_err(Error::polars(&path))?;
                results.group_names.insert(name_of(&folder), names);
            }
        }
        results.runs.sort_by(Run::table_order);
        results.inputs = reader.finish();
        Ok(results)
    }

    /// The name of `group` in data set `dataset`, or its number where no name is known.
    pub fn group_name(&self, dataset: &str, group: i32) -> String {
        let named = self
            .group_names
            .get(dataset)
            .or_else(|| match self.group_names.len() {
                1 => self.group_names.values().next(),
                _ => None,
            });
        named
            .and_then(|names| names.get(&group))
            .cloned()
            .unwrap_or_else(|| format!("group {group}"))
    }

    /// The run of that id.
    pub fn run(&self, run_id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.run_id == run_id)
    }

    /// The epochs of a run; empty where it is unknown.
    pub fn epochs(&self, run_id: &str) -> &[Epoch] {
        self.epochs.get(run_id).map_or(&[], Vec::as_slice)
    }

    /// Epochs of `run_id` with test metrics through `attribution` at `layer`.
    pub fn evaluated(&self, run_id: &str, attribution: &str, layer: &str) -> BTreeSet<i32> {
        self.metrics
            .keys()
            .filter(|subject| {
                subject.run_id == run_id
                    && subject.split == TEST
                    && subject.attribution == attribution
                    && subject.layer == layer
                    && subject.group.is_none()
            })
            .map(|subject| subject.checkpoint)
            .collect()
    }

    fn read_epochs(&mut self, reader: &mut Reader, run: &Run, folder: &Path) -> Result<()> {
        let path = folder.join("epochs.parquet");
        let frame = reader.read(&path, &EPOCHS)?;
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
            let frame = reader.read(&path, &METRICS)?;
            let metrics = rows::metrics(&frame).map_err(Error::polars(&path))?;
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
            append(&mut self.metric_frame, &frame, &path)?;
            self.metrics.extend(metrics);
            let path = folder.join("replicates.parquet");
            if path.is_file() {
                let frame = reader.read(&path, &REPLICATES)?;
                let replicates = rows::replicates(&frame).map_err(Error::polars(&path))?;
                self.replicates.extend(replicates);
            } else {
                self.notes.push(format!(
                    "{}: no replicates.parquet, so no intervals",
                    folder.display()
                ));
            }
            self.evaluations.push(folder);
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
    fn read(&mut self, path: &Path, spec: &TableSpec) -> Result<DataFrame> {
        let frame = schema::read(path, spec)?;
        self.hash.update(name_of(path));
        self.hash.update(fs_err::read(path)?);
        Ok(frame)
    }

    fn finish(self) -> String {
        self.hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
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

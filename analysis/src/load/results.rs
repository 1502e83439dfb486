//! Reads a results folder into [`Results`]: every finished run (training), its epochs, and the metrics and
//! bootstrap replicates (metrics over resamples of the images) of every finished evaluation (one checkpoint's maps
//! of one split, scored). Example maps are read later ([`crate::load::examples`]), because only those of the
//! checkpoints that are reported are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::load::schema::{
    self, CLASSES, CREDIT_KEY, DATA_INPUTS_KEY, EPOCHS, FAITHFULNESS, GROUPS, INPUTS_KEY, METRICS,
    Metadata, REPLICATES, RUN, SHARES_KEY, STEP_TIMES, TableSpec, UNINFORMATIVE_KEY,
};
use crate::load::{faithfulness, formulas, resamples, rows};
use crate::model::loss;
use crate::model::measure::Measures;
use crate::model::results::{Evaluation, Results};
use crate::model::run::Run;
use crate::model::subject::TEST;
use crate::{Error, Result};

impl Results {
    /// Reads the runs under `root/runs`, and the names of groups and classes under `root/data`. If `only` is
    /// not empty, only the runs with these ids (names of their folders) are read.
    ///
    /// A run without `run.parquet` and an evaluation without `metrics.parquet` are unfinished. They
    /// are skipped with a note.
    ///
    /// # Errors
    /// A table that does not fit its schema, a run of `only` that is not there, two folders of one run,
    /// evaluations made by different versions of the formulas or on resamples of different seeds, metrics of an
    /// unknown run, no finished run, or no metric on the test split.
    pub fn load(root: &Path, only: &[String]) -> Result<Self> {
        let mut reader = Reader::default();
        let mut results = Self {
            root: root.to_owned(),
            runs: Vec::new(),
            epochs: BTreeMap::new(),
            metrics: BTreeMap::new(),
            replicates: BTreeMap::new(),
            faithfulness: BTreeMap::new(),
            step_times: Vec::new(),
            measures: Measures::default(),
            group_names: BTreeMap::new(),
            class_names: BTreeMap::new(),
            credits: BTreeMap::new(),
            uninformative: BTreeMap::new(),
            data: BTreeMap::new(),
            evaluations: Vec::new(),
            run_frame: DataFrame::empty(),
            epoch_frame: DataFrame::empty(),
            metric_frame: DataFrame::empty(),
            formulas: None,
            notes: Vec::new(),
            inputs: String::new(),
        };
        // The folder of each run id.
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
            let (mut frame, metadata) = reader.read(&path, &RUN)?;
            // Version 3 of the table has `area_exponent` in its place.
            if frame.column("loss_options").is_err() {
                frame = rows::with_options(&frame).map_err(Error::polars(&path))?;
            }
            let titles = schema::titles(&path, &metadata)?;
            let run = rows::run(&path, &frame, &titles)?;
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
        results.read_step_times(&mut reader)?;
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
            results.read_names(&mut reader, &folder)?;
        }
        loss::number_unknown(results.runs.iter_mut().filter_map(|run| run.loss.as_mut()));
        results.runs.sort_by(Run::table_order);
        results.inputs = reader.finish();
        Ok(results)
    }

    /// Also reads the names of groups and classes in `folders`, data folders that lie outside the results folder.
    /// These tables are not part of the hash `inputs`.
    ///
    /// # Errors
    /// A folder without classes, or a table that does not fit its schema.
    pub fn with_data(mut self, folders: &[PathBuf]) -> Result<Self> {
        for folder in folders {
            let path = folder.join("classes.parquet");
            if !path.is_file() {
                let expected = "the classes.parquet of a data folder";
                return Err(Error::table(&path, "--data", "no such file", expected));
            }
            self.read_names(&mut Reader::default(), folder)?;
        }
        Ok(self)
    }

    /// Reads the names of groups and classes in a data folder, and what the data says of its source and licence.
    fn read_names(&mut self, reader: &mut Reader, folder: &Path) -> Result<()> {
        let named = [
            (&GROUPS, "group", &mut self.group_names),
            (&CLASSES, "class", &mut self.class_names),
        ];
        for (spec, what, names) in named {
            let path = folder.join(format!("{}.parquet", spec.name));
            if path.is_file() {
                let (frame, metadata) = reader.read(&path, spec)?;
                let found = rows::names(&frame, what).map_err(Error::polars(&path))?;
                // Runs refer to their data by this hash. Without it no run could use the names.
                if let Some(inputs) = metadata.get(INPUTS_KEY) {
                    names.insert(inputs.clone(), found);
                    let expected = "a JSON object of texts";
                    let credit = schema::json((&path, &metadata), CREDIT_KEY, expected)?;
                    let credit = credit.map(|credit| (inputs.clone(), credit));
                    self.credits.extend(credit);
                    self.data.insert(inputs.clone(), folder.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Reads the epochs of `run`.
    fn read_epochs(&mut self, reader: &mut Reader, run: &Run, folder: &Path) -> Result<()> {
        let path = folder.join("epochs.parquet");
        let (frame, _) = reader.read(&path, &EPOCHS)?;
        let epochs = rows::epochs(&path, &frame, &run.run_id)?;
        append(&mut self.epoch_frame, &frame, &path)?;
        self.epochs.insert(run.run_id.clone(), epochs);
        Ok(())
    }

    /// Reads every finished evaluation of the run in `run_folder`.
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
            formulas::take(&mut self.formulas, &path, &metadata)?;
            let task = schema::task_of(&metadata);
            let metrics = rows::metrics(&frame, task).map_err(Error::polars(&path))?;
            // A note, not an error: a checkpoint may be scored again, with another threshold or by hand, beside
            // the evaluation that the recipe made. The first by name is reported.
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
            let expected = "a JSON list of metrics";
            let shares = schema::json((&path, &metadata), SHARES_KEY, expected)?;
            self.measures.add(schema::titles(&path, &metadata)?, shares);
            let expected = "a JSON object of a sentence for each class";
            let classes = schema::json((&path, &metadata), UNINFORMATIVE_KEY, expected)?;
            if let (Some(classes), Some(data)) = (classes, metadata.get(DATA_INPUTS_KEY)) {
                self.uninformative.insert(data.clone(), classes);
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
                formulas::check(self.formulas.as_ref(), &path, &metadata)?;
                // Only test images are compared.
                if !checkpoints.is_empty() {
                    resamples::check(&mut reader.resamples, &path, &metadata)?;
                }
                let replicates = rows::replicates(&frame, schema::task_of(&metadata));
                self.replicates
                    .extend(replicates.map_err(Error::polars(&path))?);
            } else if !checkpoints.is_empty() {
                self.notes.push(format!(
                    "{}: no replicates.parquet, so no intervals",
                    folder.display()
                ));
            }
            if !checkpoints.is_empty() {
                self.read_faithfulness(reader, &folder)?;
                self.evaluations.push(Evaluation {
                    folder,
                    checkpoints,
                });
            }
        }
        Ok(())
    }

    /// Reads how faithful an evaluation's maps are, where that was measured.
    fn read_faithfulness(&mut self, reader: &mut Reader, folder: &Path) -> Result<()> {
        let path = folder.join("faithfulness.parquet");
        if !path.is_file() {
            return Ok(());
        }
        let (frame, metadata) = reader.read(&path, &FAITHFULNESS)?;
        faithfulness::check(&mut reader.faithfulness, &path, &metadata)?;
        self.measures.add(schema::titles(&path, &metadata)?, None);
        faithfulness::add(&frame, &metadata, &mut self.faithfulness).map_err(Error::polars(&path))
    }

    /// Reads the times of training steps, where some were measured. Runs that are not read do not matter.
    fn read_step_times(&mut self, reader: &mut Reader) -> Result<()> {
        for path in files(&self.root.join("times"), "parquet")? {
            let (frame, _) = reader.read(&path, &STEP_TIMES)?;
            let times = rows::step_times(&frame).map_err(Error::polars(&path))?;
            self.step_times.push(times);
        }
        Ok(())
    }

    /// Refuses metrics whose run_id is that of no run read.
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

/// Reads tables, and hashes the name (without its folders) and contents of every file it reads. The hash is the
/// provenance of the report's numbers. It does not cover the example maps, which are read later and not by this
/// reader.
#[derive(Default)]
struct Reader {
    hash: Sha256,
    /// What the first `faithfulness.parquet` says that all must say.
    faithfulness: Option<faithfulness::Known>,
    /// The seed of the first `replicates.parquet` of test images, which all must have.
    resamples: Option<resamples::Known>,
}

impl Reader {
    fn read(&mut self, path: &Path, spec: &TableSpec) -> Result<(DataFrame, Metadata)> {
        let read = schema::read(path, spec)?;
        self.hash.update(name_of(path));
        self.hash.update(fs_err::read(path)?);
        Ok(read)
    }

    /// The hash (hex) over all files read, in the order of reading.
    fn finish(self) -> String {
        self.hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Adds the rows of `frame` to `all`, which has no columns at first.
fn append(all: &mut DataFrame, frame: &DataFrame, path: &Path) -> Result<()> {
    if all.width() == 0 {
        *all = frame.clone();
    } else {
        all.vstack_mut(frame).map_err(Error::polars(path))?;
    }
    Ok(())
}

/// Returns the folders in `dir`, sorted by name; none if `dir` does not exist.
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

/// The files in `dir` with this ending, by name; none where there is no such folder.
fn files(dir: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

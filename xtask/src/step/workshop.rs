//! Doing a step with the stages' programs, and telling from what lies in the folder whether it is
//! done; of runs, `finished` tells. Which checkpoints are chosen is the trainer's to tell: this file
//! knows no metric.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail, ensure};
use fs_err as fs;

use super::config::{self, Init};
use super::record::Log;
use super::score::Score;
use crate::plan::cost::Work;
use crate::plan::{Step, StepKind};
use crate::process::{self, BinDir};
use crate::recipe::{Data, DataSet, Experiment, Origin, Run, RunIndex};
use crate::signals::{Stop, Stopped};
use crate::{files, paths, pip, threads, weights};

/// Everything a step needs.
pub(crate) struct Workshop<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) place: Place,
    pub(super) device: String,
    /// Absent where nothing is written.
    log: Option<Arc<Log>>,
    /// Held while anything is written.
    lock: Option<fs::File>,
    pub(super) stop: Stop,
    /// How many evaluations were made.
    pub(super) n_made: AtomicUsize,
    /// The versions of the evaluator's formulas and tables, once it was asked.
    versions: Mutex<Option<String>>,
    /// What was found of runs: their folders where they are finished, None where they are not.
    pub(super) known: Mutex<BTreeMap<RunIndex, Option<PathBuf>>>,
}

/// Which folders a step works with.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The source of the data, where the recipe needs one.
    pub(crate) data: Option<PathBuf>,
    /// Where everything is written.
    pub(crate) out: PathBuf,
    /// Weights of the user's own.
    pub(crate) weights: Option<PathBuf>,
    pub(crate) programs: BinDir,
}

/// Whether a stage ends in good order at SIGUSR2, which would kill the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saves {
    Yes,
    No,
}

impl<'a> Workshop<'a> {
    /// One that only looks.
    pub(crate) fn new(experiment: &'a Experiment, place: Place) -> Self {
        Workshop {
            experiment,
            place,
            device: String::new(),
            log: None,
            lock: None,
            stop: Stop::default(),
            n_made: AtomicUsize::new(0),
            versions: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// One that works on `device` until it is asked to stop; `log` and `lock` are the step's.
    pub(crate) fn at_work(self, device: &str, stop: Stop, log: Arc<Log>, lock: fs::File) -> Self {
        Workshop {
            device: device.to_owned(),
            log: Some(log),
            lock: Some(lock),
            stop,
            ..self
        }
    }

    /// The prepared data of this number.
    pub(super) fn data_dir(&self, data: usize) -> PathBuf {
        let name = self.experiment.data[data].dataset.name();
        self.place.out.join("data").join(name)
    }

    pub(super) fn runs_dir(&self) -> PathBuf {
        self.place.out.join("runs")
    }

    /// One of the stages' programs. None reads its standard input unless told to: it gets the lock.
    pub(super) fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.place.programs.program(program)?);
        if let Some(lock) = &self.lock {
            command.stdin(lock.file().try_clone()?);
        }
        Ok(command)
    }

    /// The versions of the formulas and tables with which the evaluator makes an evaluation, a line
    /// `name = version` each; it is asked once.
    pub(super) fn versions(&self) -> Result<String> {
        let mut known = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(versions) = &*known {
            return Ok(versions.clone());
        }
        let mut command = self.command("evaluator")?;
        let said = process::capture(command.arg("formulas"), "asking for the formulas' version")?;
        let are_versions = toml::from_str::<BTreeMap<String, u32>>(&said);
        ensure!(
            are_versions.is_ok_and(|versions| versions.contains_key("formulas")),
            "evaluator formulas: found {:?}, expected lines `name = version`",
            said.trim()
        );
        Ok(known.insert(said).clone())
    }

    /// Whether this process has made an evaluation.
    pub(crate) fn has_scored(&self) -> bool {
        self.n_made.load(Ordering::Relaxed) > 0
    }

    /// Has the log take what `command` says.
    pub(super) fn logged(&self, command: &mut Command) -> Result<Option<JoinHandle<()>>> {
        self.log.as_ref().map(|log| log.of(command)).transpose()
    }

    pub(super) fn say(&self, line: &str) {
        if let Some(log) = &self.log {
            log.say(line);
        }
    }

    /// Adds what the stage itself said to an error that only names it.
    pub(super) fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let said = self.log.as_ref().and_then(|log| log.take_error());
        match said {
            Some(said) if !error.is::<Stopped>() => anyhow!("{error:#}: {said}"),
            _ => error,
        }
    }

    /// Runs `command` and gives its standard output. One that `saves` its work when it is asked to stop
    /// is asked by SIGUSR2 too.
    fn run(&self, mut command: Command, what: &str, saves: Saves) -> Result<String> {
        let reader = self.logged(&mut command)?;
        let said = match saves {
            Saves::Yes => process::capture_saving(&mut command, what, &self.stop),
            Saves::No => process::capture(&mut command, what),
        };
        // Holds the pipe's other end.
        drop(command);
        finish(reader);
        said.map_err(|error| self.explained(error))
    }

    /// Does `step`, and says what it cost: nothing where it was done before, or in part.
    pub(crate) fn perform(&self, step: &Step) -> Result<Vec<Work>> {
        match step.kind {
            StepKind::Data(index) => self.prepare_data(index)?,
            StepKind::Train(run) => return self.train(self.experiment.run(run), &step.key),
            StepKind::Score(index) => return self.score(index),
            StepKind::Report => self.report()?,
        }
        Ok(Vec::new())
    }

    fn prepare_data(&self, index: usize) -> Result<()> {
        let data = &self.experiment.data[index];
        let mut command = self.command("data-prep")?;
        command.arg(data.dataset.subcommand());
        command.arg("--out").arg(self.data_dir(index));
        command.args(["--size", &data.size.to_string()]);
        if let Some(folder) = self.source(data) {
            command.arg("--root").arg(folder);
        }
        for (split, limit) in data.limit.splits() {
            command.args(["--limit", &format!("{split}={limit}")]);
        }
        // Its threads are none of those that read the variable by themselves.
        if let Some(n_threads) = threads::of_others() {
            command.args(["--threads", &n_threads.to_string()]);
        }
        let was_there = self.is_prepared(index);
        match self.run(command, "preparing the data", Saves::No) {
            Ok(_) => Ok(()),
            Err(error) if was_there => Err(pip::hint(
                error,
                "for other data or another recipe choose another --out",
            )),
            Err(error) => Err(error),
        }
    }

    /// Where the source of `data` is: of several data sets, each has its folder.
    fn source(&self, data: &Data) -> Option<PathBuf> {
        source(self.experiment, data, self.place.data.as_deref())
    }

    pub(super) fn is_prepared(&self, data: usize) -> bool {
        self.data_dir(data).join("images.parquet").is_file()
    }

    /// The weights `run` starts from; None where they are random.
    fn weights_of(&self, run: &Run) -> Result<Option<PathBuf>> {
        if run.origin != Origin::Weights {
            return Ok(None);
        }
        let (name, dir) = (&run.backbone, self.place.weights.as_deref());
        let file = weights::find(name, dir).with_context(|| {
            let dir = dir.map_or_else(paths::weights, Path::to_owned);
            format!(
                "{}: found none, expected the ImageNet weights of {name}",
                weights::file(&dir, name).display()
            )
        })?;
        Ok(Some(file))
    }

    /// The configuration of `run`, in TOML; `baseline` is the folder of the run it starts from.
    pub(super) fn config(&self, run: &Run, baseline: Option<&Path>) -> Result<String> {
        let init = match (baseline, self.weights_of(run)?) {
            (Some(folder), _) => Init::Run {
                folder: folder.to_owned(),
            },
            (None, Some(file)) => Init::Weights { file },
            (None, None) => Init::Scratch,
        };
        config::of(run, init)
    }

    pub(super) fn trainer(
        &self,
        subcommand: &str,
        configs: &[PathBuf],
        data: usize,
    ) -> Result<Command> {
        let mut command = self.command("trainer")?;
        command.arg(subcommand);
        for config in configs {
            command.arg("--config").arg(config);
        }
        command.arg("--data").arg(self.data_dir(data));
        command.arg("--out").arg(self.runs_dir());
        Ok(command)
    }

    fn train(&self, run: &Run, key: &str) -> Result<Vec<Work>> {
        let baseline = match run.baseline() {
            None => None,
            Some(index) => match self.finished(RunIndex::Baseline(index))? {
                None => bail!("training {}: its baseline is not finished", run.name),
                folder => folder,
            },
        };
        let config = self.config(run, baseline.as_deref())?;
        let file = self.place.out.join("configs");
        let file = file.join(format!("{}.toml", key.replace('/', "-")));
        files::write(&file, &config)?;
        let file = [file];
        let before = self.states(&file, run.data)?.pop();
        let mut command = self.trainer("train", &file, run.data)?;
        command.args(["--device", &self.device]);
        self.run(command, &format!("training {}", run.name), Saves::Yes)?;
        Ok(match before {
            Some((_, state)) if state == "absent" => Work::of_run(self.experiment, run),
            _ => Vec::new(),
        })
    }

    /// What is to be scored of the selection of this number: every chosen epoch of its runs, which
    /// must be finished, with each setting. None where a run is not.
    pub(crate) fn scores(&self, index: usize) -> Result<Option<Vec<Score<'_>>>> {
        let selection = &self.experiment.selections[index];
        let mut folders = Vec::new();
        for &run in &selection.runs {
            match self.finished(run)? {
                Some(folder) => folders.push(folder),
                None => return Ok(None),
            }
        }
        let Some(run) = selection.runs.first() else {
            return Ok(None);
        };
        let run = self.experiment.run(*run);
        let mut scores = Vec::new();
        for (folder, epoch) in self.chosen(&folders)? {
            for setting in &selection.settings {
                scores.push(Score::new(self, run, folder.clone(), epoch, setting));
            }
        }
        Ok(Some(scores))
    }

    /// Folder and epoch of each chosen checkpoint.
    fn chosen(&self, folders: &[PathBuf]) -> Result<Vec<(PathBuf, u32)>> {
        let mut command = self.command("trainer")?;
        command.arg("select").args(folders);
        let said = process::capture(&mut command, "choosing checkpoints")?;
        let read = |line: &str| {
            let (run_id, epoch) = line.split_once('\t')?;
            Some((self.runs_dir().join(run_id), epoch.parse().ok()?))
        };
        let lines = said.lines().map(|line| {
            read(line).with_context(|| {
                format!("trainer select: found {line:?}, expected a run id, a tab and an epoch")
            })
        });
        lines.collect()
    }

    fn score(&self, index: usize) -> Result<Vec<Work>> {
        let name = &self.experiment.selections[index].name;
        let Some(scores) = self.scores(index)? else {
            bail!("scoring {name}: found a run that is not finished");
        };
        let n_scores = scores.len();
        let mut work = Vec::new();
        for (number, score) in scores.iter().enumerate() {
            if self.stop.is_asked() {
                return Err(Stopped.into());
            }
            let what = format!("{} of {n_scores}: {}", number + 1, score.what());
            if score.is_made()? {
                self.say(&format!("{what}: done"));
                continue;
            }
            self.say(&what);
            work.extend(score.make()?);
        }
        Ok(work)
    }

    /// Of the recipe's runs only: those of a former version of it stay in the folder.
    fn report(&self) -> Result<()> {
        let out = &self.place.out;
        let mut command = self.command("analysis")?;
        command.arg("report").arg("--results").arg(out);
        command.arg("--out").arg(out.join("results"));
        for run in self.finished_runs()?.iter().flatten() {
            if let Some(run_id) = run.file_name() {
                command.arg("--run").arg(run_id);
            }
        }
        for name in &self.experiment.show {
            command.args(["--show", name]);
        }
        let summary = self.run(command, "writing the report", Saves::No)?;
        for line in summary.lines() {
            self.say(line);
        }
        Ok(())
    }

    /// Whether the results of `step` are there. The report's never are: it is made anew.
    pub(crate) fn is_done(&self, step: &Step) -> Result<bool> {
        Ok(match step.kind {
            StepKind::Data(index) => self.is_prepared(index),
            StepKind::Train(run) => self.finished(run)?.is_some(),
            StepKind::Score(index) => {
                let Some(scores) = self.scores(index)? else {
                    return Ok(false);
                };
                for score in &scores {
                    if !score.is_made()? {
                        return Ok(false);
                    }
                }
                true
            }
            StepKind::Report => false,
        })
    }
}

/// Where the source of `data` is, of a command line's `--data`; None where it needs none.
pub(crate) fn source(
    experiment: &Experiment,
    data: &Data,
    given: Option<&Path>,
) -> Option<PathBuf> {
    let needing = experiment.data.iter();
    let n_needing = needing
        .filter(|data| data.dataset != DataSet::Scenes)
        .count();
    match (data.dataset, n_needing) {
        (DataSet::Scenes, _) => None,
        (_, 1) => given.map(Path::to_owned),
        (dataset, _) => given.map(|folder| folder.join(dataset.folder())),
    }
}

/// Waits until the last line is out.
pub(super) fn finish(readers: impl IntoIterator<Item = JoinHandle<()>>) {
    for reader in readers {
        reader.join().ok();
    }
}

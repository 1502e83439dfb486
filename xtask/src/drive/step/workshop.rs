//! What a step works with: folders, the stages' programs, the log, and how one of them is run. What is
//! run is said in `perform` and `score`; of runs, `finished` tells whether they are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};
use fs_err as fs;

use super::config::{self, Init};
use super::record::Log;
use crate::drive::recipe::{Data, Experiment, Origin, Run, RunIndex};
use crate::install::weights;
use crate::system::paths;
use crate::system::process::{self, BinDir};
use crate::system::signals::{Stop, Stopped};

/// The stages of the pipeline.
pub(crate) const STAGES: [&str; 4] = ["data-prep", "trainer", "evaluator", "analysis"];

/// Everything a step needs.
pub(crate) struct Workshop<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) folders: Folders,
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

/// The folders a step works with.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
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
pub(super) enum Saves {
    Yes,
    No,
}

impl<'a> Workshop<'a> {
    /// One that only looks.
    pub(crate) fn new(experiment: &'a Experiment, folders: Folders) -> Self {
        Workshop {
            experiment,
            folders,
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
        self.folders.out.join("data").join(name)
    }

    pub(super) fn runs_dir(&self) -> PathBuf {
        self.folders.out.join("runs")
    }

    /// One of the stages' programs. None reads its standard input unless told to: it gets the lock.
    pub(super) fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.folders.programs.program(program)?);
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
    pub(super) fn with_last_error(&self, error: anyhow::Error) -> anyhow::Error {
        let said = self.log.as_ref().and_then(|log| log.take_error());
        match said {
            Some(said) if !error.is::<Stopped>() => anyhow!("{error:#}: {said}"),
            _ => error,
        }
    }

    /// Runs `command` and gives its standard output. One that `saves` its work when it is asked to stop
    /// is asked by SIGUSR2 too.
    pub(super) fn run(&self, mut command: Command, what: &str, saves: Saves) -> Result<String> {
        let reader = self.logged(&mut command)?;
        let said = match saves {
            Saves::Yes => process::capture_saving(&mut command, what, &self.stop),
            Saves::No => process::capture(&mut command, what),
        };
        // Holds the pipe's other end.
        drop(command);
        finish(reader);
        said.map_err(|error| self.with_last_error(error))
    }

    /// Where the source of `data` is: of several data sets, each has its folder.
    pub(super) fn source(&self, data: &Data) -> Option<PathBuf> {
        source(self.experiment, data, self.folders.data.as_deref())
    }

    pub(super) fn is_prepared(&self, data: usize) -> bool {
        self.data_dir(data).join("images.parquet").is_file()
    }

    /// The weights `run` starts from; None where they are random.
    fn weights_of(&self, run: &Run) -> Result<Option<PathBuf>> {
        if run.origin != Origin::Weights {
            return Ok(None);
        }
        let (name, dir) = (&run.backbone, self.folders.weights.as_deref());
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
}

/// The folder of `data`'s source, given the command line's `--data`; None where it needs none.
pub(crate) fn source(
    experiment: &Experiment,
    data: &Data,
    given: Option<&Path>,
) -> Option<PathBuf> {
    let needing = experiment.data.iter();
    let n_needing = needing.filter(|data| !data.dataset.is_embedded()).count();
    if data.dataset.is_embedded() {
        return None;
    }
    given.map(|folder| match n_needing {
        1 => folder.to_owned(),
        _ => folder.join(data.dataset.folder()),
    })
}

/// Waits until the last line is out.
pub(super) fn finish(readers: impl IntoIterator<Item = JoinHandle<()>>) {
    for reader in readers {
        reader.join().ok();
    }
}

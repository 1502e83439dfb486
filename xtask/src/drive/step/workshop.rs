//! Defines [`Workshop`], everything that a step works with: the experiment, its folders, the stages'
//! programs, the log and the lock. It starts the programs and reads their output. Which programs a step runs
//! is in `perform` and `score`; `finished` finds out which runs are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};
use fs_err as fs;

use super::config::{self, Init};
use super::record::Log;
use crate::drive::recipe::{Data, Experiment, Guidance, Origin, Run, RunIndex};
use crate::drive::vocabulary::Trainer;
use crate::install::{setup, weights};
use crate::system::paths;
use crate::system::process::{self, BinDir};
use crate::system::signals::{Stop, Stopped};

/// The stages of the pipeline.
pub(crate) const STAGES: [&str; 4] = ["data-prep", "trainer", "evaluator", "analysis"];

/// The programs of all stages and xtask itself: those in `folder` (`--programs`), else built now.
///
/// # Errors
/// When one of them is missing, or cannot be built.
pub(crate) fn programs(folder: Option<&Path>) -> Result<BinDir> {
    // A step is a process of its own, `xtask step KEY`.
    let names = [&STAGES[..], &["xtask"]].concat();
    match folder {
        Some(folder) => BinDir::of(folder, &names),
        None => {
            setup::ensure()?;
            process::cargo_build(&names)
        }
    }
}

/// What a step works with. Without log and lock it only finds out what is done, and writes nothing.
pub(crate) struct Workshop<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) folders: Folders,
    /// As `--device` is given.
    pub(super) device: String,
    /// Absent where nothing is written.
    log: Option<Arc<Log>>,
    /// The step's lock, which the programs it starts inherit; absent where nothing is written.
    lock: Option<fs::File>,
    /// Whether this process was asked to stop.
    pub(super) stop: Stop,
    /// How many evaluations this process has made.
    pub(super) n_made: AtomicUsize,
    /// The versions of the evaluator's formulas and tables; None until it is asked for them.
    versions: Mutex<Option<String>>,
    /// The version of what `trainer faithfulness` measures; None until the trainer is asked for it.
    faithfulness: Mutex<Option<u32>>,
    /// The runs that the trainer was asked about: the folder of each that is finished, None for one that is
    /// not.
    pub(super) known: Mutex<BTreeMap<RunIndex, Option<PathBuf>>>,
    /// The λ found among the runs of a selection, by its index.
    lambdas: Mutex<BTreeMap<usize, f64>>,
}

/// The folders a step works with.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// `--data`: the folder of the original data, where the recipe needs one.
    pub(crate) data: Option<PathBuf>,
    /// Where everything is written.
    pub(crate) out: PathBuf,
    /// `--weights`: a folder of the user's with ImageNet weights.
    pub(crate) weights: Option<PathBuf>,
    /// The folder of the stages' programs.
    pub(crate) programs: BinDir,
}

/// Whether a stage saves its work and ends at SIGUSR2, the signal of a cluster's time limit. A stage that
/// does not would be killed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saves {
    Yes,
    No,
}

impl<'a> Workshop<'a> {
    /// A workshop that only finds out what is done.
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
            faithfulness: Mutex::default(),
            known: Mutex::default(),
            lambdas: Mutex::default(),
        }
    }

    /// A workshop that works on `device` until it is asked to stop; `log` and `lock` are the step's.
    pub(crate) fn at_work(self, device: &str, stop: Stop, log: Arc<Log>, lock: fs::File) -> Self {
        Workshop {
            device: device.to_owned(),
            log: Some(log),
            lock: Some(lock),
            stop,
            ..self
        }
    }

    /// The folder of prepared data of the data set of this index.
    pub(super) fn data_dir(&self, data: usize) -> PathBuf {
        let data = &self.experiment.data[data];
        match (data.is_prepared(), self.source(data)) {
            (true, Some(folder)) => folder,
            _ => self.folders.out.join("data").join(data.name()),
        }
    }

    /// The folder of all runs.
    pub(super) fn runs_dir(&self) -> PathBuf {
        self.folders.out.join("runs")
    }

    /// A command for one of the stages' programs. It inherits the lock as its standard input, which no stage
    /// reads unless an argument says so.
    pub(super) fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.folders.programs.program(program)?);
        if let Some(lock) = &self.lock {
            command.stdin(lock.file().try_clone()?);
        }
        Ok(command)
    }

    /// The versions of the evaluator's formulas and tables, as lines `name = version`. The evaluator is asked
    /// for them once.
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

    /// The version of what `trainer faithfulness` measures. The trainer is asked for it once.
    pub(super) fn faithfulness(&self) -> Result<u32> {
        let known = self.faithfulness.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(version) => Ok(version),
            None => {
                let asked = Trainer::ask(&self.folders.programs)?;
                Ok(*known.insert(asked.faithfulness))
            }
        }
    }

    /// The λ found so far, locked.
    pub(super) fn lambdas(&self) -> MutexGuard<'_, BTreeMap<usize, f64>> {
        self.lambdas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process has made an evaluation.
    pub(crate) fn has_scored(&self) -> bool {
        self.n_made.load(Ordering::Relaxed) > 0
    }

    /// Redirects the stderr of `command` to the log, where there is one; returns the thread that reads it.
    pub(super) fn logged(&self, command: &mut Command) -> Result<Option<JoinHandle<()>>> {
        self.log.as_ref().map(|log| log.of(command)).transpose()
    }

    /// Writes a line to the log and to stderr, where there is a log.
    pub(super) fn say(&self, line: &str) {
        if let Some(log) = &self.log {
            log.say(line);
        }
    }

    /// Adds the stage's own last error message to `error`, which only says which stage failed.
    pub(super) fn with_last_error(&self, error: anyhow::Error) -> anyhow::Error {
        let said = self.log.as_ref().and_then(|log| log.take_error());
        match said {
            Some(said) if !error.is::<Stopped>() => anyhow!("{error:#}: {said}"),
            _ => error,
        }
    }

    /// Runs `command` and returns its standard output. SIGUSR2 is passed on only to a command that `saves`
    /// its work at it.
    pub(super) fn run(&self, mut command: Command, what: &str, saves: Saves) -> Result<String> {
        let reader = self.logged(&mut command)?;
        let said = match saves {
            Saves::Yes => process::capture_saving(&mut command, what, &self.stop),
            Saves::No => process::capture(&mut command, what),
        };
        // The command holds a writing end of the stderr pipe; the reader ends when all of them are closed.
        drop(command);
        finish(reader);
        said.map_err(|error| self.with_last_error(error))
    }

    /// The folder of the original data of `data`; None where it needs none.
    pub(super) fn source(&self, data: &Data) -> Option<PathBuf> {
        source(self.experiment, data, self.folders.data.as_deref())
    }

    /// Whether the data set of this index is prepared.
    pub(super) fn is_prepared(&self, data: usize) -> bool {
        self.data_dir(data).join("images.parquet").is_file()
    }

    /// The weight file with the network of `run`, where that is from a file, whether it exists or not.
    fn network_file(&self, run: &Run) -> Option<PathBuf> {
        let network = self.experiment.network(&run.backbone)?;
        Some(network.weights(&self.folders.out))
    }

    /// The file of the weights that the network of `run` may start from, if it is there.
    pub(super) fn find_weights(&self, run: &Run) -> Option<PathBuf> {
        match self.network_file(run) {
            Some(file) => Some(file).filter(|file| file.is_file()),
            None => weights::find(&run.backbone, self.folders.weights.as_deref()),
        }
    }

    /// The file of weights that `run` starts from; None where it starts from random weights or from a baseline.
    fn weights_of(&self, run: &Run) -> Result<Option<PathBuf>> {
        if run.origin != Origin::Weights {
            return Ok(None);
        }
        let name = &run.backbone;
        let file = self.find_weights(run).with_context(|| {
            if let Some(file) = self.network_file(run) {
                let file = file.display();
                return format!(
                    "{file}: found none, expected the network {name}, which reproduce imports"
                );
            }
            let dir = self.folders.weights.as_deref();
            let dir = dir.map_or_else(paths::weights, Path::to_owned);
            format!(
                "{}: found none, expected the ImageNet weights of {name}",
                weights::file(&dir, name).display()
            )
        })?;
        Ok(Some(file))
    }

    /// The configuration of `run`, in TOML; `baseline` is the folder of the baseline that it starts from, if
    /// any. None while the runs that its λ is chosen from are not finished.
    pub(super) fn config(&self, run: &Run, baseline: Option<&Path>) -> Result<Option<String>> {
        let guidance = match (run.tuned_in, run.guidance.clone()) {
            (Some(selection), Some(guidance)) => match self.lambda(selection)? {
                Some(lambda) => Some(Guidance { lambda, ..guidance }),
                None => return Ok(None),
            },
            (_, guidance) => guidance,
        };
        let init = match (baseline, self.weights_of(run)?) {
            (Some(folder), _) => Init::Run {
                folder: folder.to_owned(),
            },
            (None, Some(file)) => Init::Weights { file },
            (None, None) => Init::Scratch,
        };
        let file = self.network_file(run);
        let backbone = file.as_deref().unwrap_or(Path::new(&run.backbone));
        let config = config::of(run, backbone, guidance.as_ref(), init)?;
        Ok(Some(config))
    }

    /// A `trainer` command with these configuration files, on the data set of this index.
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

/// The folder of the original data of `data`. `given` is `--data`: that folder itself where the recipe needs
/// one data set, else the folder that holds one for each. Without it, own data's `root`. None where `data` is
/// built in, or nothing is given.
pub(crate) fn source(
    experiment: &Experiment,
    data: &Data,
    given: Option<&Path>,
) -> Option<PathBuf> {
    let needing = experiment.data.iter();
    let n_needing = needing.filter(|data| !data.is_embedded()).count();
    if data.is_embedded() {
        return None;
    }
    match (given, n_needing) {
        (None, _) => data.root.clone(),
        (Some(folder), 1) => Some(folder.to_owned()),
        (Some(folder), _) => Some(folder.join(data.folder())),
    }
}

/// Waits until the threads have written the last line of what they read.
pub(super) fn finish(readers: impl IntoIterator<Item = JoinHandle<()>>) {
    for reader in readers {
        reader.join().ok();
    }
}

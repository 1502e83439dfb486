//! Doing a step with the stages' programs, and telling from what lies in the folder whether it is
//! done. A run's name and state are the trainer's to tell: this file knows no hash.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use fs_err as fs;
use serde::Serialize;

use crate::plan::{Plan, Step, StepKind};
use crate::process::{self, BinDir};
use crate::recipe::{GuidedRun, Length, Recipe, Start};
use crate::{pip, weights};

/// Everything a step needs.
pub(super) struct Workshop {
    pub(super) recipe: Recipe,
    pub(super) source: Option<PathBuf>,
    pub(super) out: PathBuf,
    pub(super) device: String,
    /// How many steps are done at once, and share the machine.
    pub(super) n_at_once: usize,
    pub(super) programs: BinDir,
    /// Held while anything is written.
    pub(super) lock: Option<fs::File>,
}

/// A run's configuration as the trainer reads it.
#[derive(Serialize)]
struct RunToml {
    name: String,
    backbone: String,
    attribution: String,
    layer: String,
    task: String,
    augmentation: String,
    epochs: u32,
    learning_rate: f64,
    batch_size: u32,
    seed: u64,
    init: InitToml,
    guidance: Option<GuidanceToml>,
}

#[derive(Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
enum InitToml {
    Scratch,
    Weights { file: PathBuf },
    Run { folder: PathBuf },
}

#[derive(Serialize)]
struct GuidanceToml {
    loss: String,
    lambda: f64,
    area_exponent: Option<f64>,
    annotation: String,
    annotated_fraction: f64,
    dilation: f64,
}

impl Workshop {
    fn data_dir(&self) -> PathBuf {
        self.out.join("data").join(self.recipe.data.dataset.name())
    }

    fn runs_dir(&self) -> PathBuf {
        self.out.join("runs")
    }

    /// One of the stages' programs. None reads its standard input unless told to: it gets the lock.
    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.programs.program(program)?);
        if let Some(lock) = &self.lock {
            command.stdin(lock.file().try_clone()?);
        }
        // libtorch would take all cores for each.
        if self.n_at_once > 1 && std::env::var_os("OMP_NUM_THREADS").is_none() {
            let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
            let n_threads = (n_cores / self.n_at_once).max(1);
            command.env("OMP_NUM_THREADS", n_threads.to_string());
        }
        Ok(command)
    }

    /// Where several programs are at work, says before each line whose it is.
    fn labelled(&self, command: &mut Command, label: &str) -> Result<Option<JoinHandle<()>>> {
        match self.n_at_once {
            1 => Ok(None),
            _ => process::label_stderr(command, label).map(Some),
        }
    }

    /// Does `step`. `runs` are the folders of the runs that earlier steps trained; gives the folder of
    /// the one that this step trained.
    pub(super) fn perform(&self, step: &Step, runs: &[Option<PathBuf>]) -> Result<Option<PathBuf>> {
        let folder = |run: usize| {
            let folder = runs.get(run).and_then(Option::as_deref);
            folder.with_context(|| format!("{}: its run has no folder", step.name))
        };
        match &step.kind {
            StepKind::Data => self.prepare_data()?,
            StepKind::Baseline => {
                let file = match self.recipe.model.init {
                    Start::Scratch => None,
                    Start::Imagenet => Some(weights::ensure(&self.recipe.model.backbone)?),
                };
                return self.train(&step.name, &self.baseline(file)).map(Some);
            }
            StepKind::Guided(_, run) => {
                return self
                    .train(&step.name, &self.guided(run, folder(0)?))
                    .map(Some);
            }
            StepKind::Score(run, settings) => {
                for score in self.scores(folder(*run)?, settings)? {
                    score.make(&step.name)?;
                }
            }
            StepKind::Report => self.report(runs)?,
        }
        Ok(None)
    }

    fn prepare_data(&self) -> Result<()> {
        let data = &self.recipe.data;
        let mut command = self.command("data-prep")?;
        command.arg(data.dataset.subcommand());
        command.arg("--out").arg(self.data_dir());
        command.args(["--size", &data.size.to_string()]);
        if let Some(source) = &self.source {
            command.arg("--root").arg(source);
        }
        for (split, limit) in data.limit.splits() {
            command.args(["--limit", &format!("{split}={limit}")]);
        }
        let was_there = self.data_dir().join("images.parquet").is_file();
        process::run(&mut command, "preparing the data").map_err(|error| match was_there {
            true => pip::hint(
                error,
                "for other data or another recipe choose another --out",
            ),
            false => error,
        })
    }

    /// The baseline's configuration; it starts from the weights in `file`, or from random ones.
    fn baseline(&self, file: Option<PathBuf>) -> RunToml {
        let init = file.map_or(InitToml::Scratch, |file| InitToml::Weights { file });
        let settings = self.recipe.settings();
        let (attribution, layer) = settings.into_iter().next().unwrap_or_default();
        self.run_toml("baseline", (attribution, layer), self.recipe.baseline, init)
    }

    /// The configuration of `run`, which starts from the run in the folder `baseline`.
    fn guided(&self, run: &GuidedRun, baseline: &Path) -> RunToml {
        let init = InitToml::Run {
            folder: baseline.to_owned(),
        };
        let setting = (run.attribution.clone(), run.layer.clone());
        RunToml {
            guidance: Some(GuidanceToml {
                loss: run.loss.clone(),
                lambda: run.lambda,
                area_exponent: run.area_exponent,
                annotation: run.annotation.clone(),
                annotated_fraction: run.annotated_fraction,
                dilation: run.dilation,
            }),
            ..self.run_toml(&run.name, setting, run.length, init)
        }
    }

    fn run_toml(
        &self,
        name: &str,
        (attribution, layer): (String, String),
        length: Length,
        init: InitToml,
    ) -> RunToml {
        let model = &self.recipe.model;
        RunToml {
            name: name.to_owned(),
            backbone: model.backbone.clone(),
            attribution,
            layer,
            task: model.task.clone(),
            augmentation: model.augmentation.clone(),
            epochs: length.epochs,
            learning_rate: length.learning_rate,
            batch_size: model.batch_size,
            seed: model.seed,
            init,
            guidance: None,
        }
    }

    fn trainer(&self, subcommand: &str, config: &Path) -> Result<Command> {
        let mut command = self.command("trainer")?;
        command.arg(subcommand).arg("--config").arg(config);
        command.arg("--data").arg(self.data_dir());
        command.arg("--out").arg(self.runs_dir());
        Ok(command)
    }

    /// Trains one run and gives its folder.
    fn train(&self, name: &str, config: &RunToml) -> Result<PathBuf> {
        let folder = self.out.join("configs");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.toml", plain(name)));
        fs::write(&file, toml::to_string(config)?)?;
        let mut command = self.trainer("train", &file)?;
        command
            .args(["--device", &self.device])
            .stderr(Stdio::inherit());
        let labels = self.labelled(&mut command, name)?;
        let said = process::capture(&mut command, &format!("training {name}"));
        finish(labels, [command]);
        Ok(PathBuf::from(said?.trim_end_matches('\n')))
    }

    /// The folder of a run, where it is finished.
    fn finished(&self, config: &RunToml, scratch: &Path) -> Result<Option<PathBuf>> {
        let file = scratch.join("run.toml");
        fs::write(&file, toml::to_string(config)?)?;
        let mut command = self.trainer("state", &file)?;
        let said = process::capture(&mut command, "asking for a run's state")?;
        let (run_id, state) = said
            .trim()
            .split_once('\t')
            .context("trainer state: expected an id, a tab and a state")?;
        Ok((state == "finished").then(|| self.runs_dir().join(run_id)))
    }

    /// The scores that belong to the run in `folder`: of each kept epoch with each setting.
    fn scores(&self, folder: &Path, settings: &[(String, String)]) -> Result<Vec<Score<'_>>> {
        let options = toml::to_string(&self.recipe.evaluation)?;
        let mut scores = Vec::new();
        for epoch in kept_epochs(folder)? {
            for (attribution, layer) in settings {
                let name = format!("test-{attribution}-{layer}-epoch-{epoch:04}");
                scores.push(Score {
                    shop: self,
                    run: folder.to_owned(),
                    dir: folder.join("evaluations").join(name),
                    epoch,
                    attribution: attribution.clone(),
                    layer: layer.clone(),
                    options: options.clone(),
                });
            }
        }
        Ok(scores)
    }

    /// Of the recipe's runs only: those of a former version of it stay in the folder.
    fn report(&self, runs: &[Option<PathBuf>]) -> Result<()> {
        let mut command = self.command("analysis")?;
        command.arg("report").arg("--results").arg(&self.out);
        command.arg("--out").arg(self.out.join("results"));
        for run_id in runs
            .iter()
            .flatten()
            .filter_map(|folder| folder.file_name())
        {
            command.arg("--run").arg(run_id);
        }
        process::run(&mut command, "writing the report")
    }

    /// Marks the steps whose results are there, and gives the folders of the finished runs. Nothing is
    /// written but a temporary configuration.
    pub(super) fn mark_finished(&self, plan: &mut Plan) -> Result<Vec<Option<PathBuf>>> {
        let mut runs = vec![None; 1 + self.recipe.guided_runs().len()];
        if !self.data_dir().join("images.parquet").is_file() {
            return Ok(runs);
        }
        let scratch = tempfile::tempdir()?;
        for step in &mut plan.steps {
            step.is_done = match &step.kind {
                StepKind::Data => true,
                StepKind::Baseline => {
                    let file = weights::there(&self.recipe.model.backbone);
                    let needs_file = self.recipe.model.init == Start::Imagenet;
                    if file.is_some() || !needs_file {
                        let config = self.baseline(file.filter(|_| needs_file));
                        runs[0] = self.finished(&config, scratch.path())?;
                    }
                    runs[0].is_some()
                }
                StepKind::Guided(run, guided) => {
                    if let Some(baseline) = &runs[0] {
                        let config = self.guided(guided, baseline);
                        runs[*run] = self.finished(&config, scratch.path())?;
                    }
                    runs[*run].is_some()
                }
                StepKind::Score(run, settings) => match &runs[*run] {
                    Some(folder) => self.scores(folder, settings)?.iter().all(Score::is_made),
                    None => false,
                },
                StepKind::Report => false,
            };
        }
        Ok(runs)
    }
}

/// The evaluation of one checkpoint with one setting.
struct Score<'a> {
    shop: &'a Workshop,
    /// The run's folder.
    run: PathBuf,
    /// Where the tables go.
    dir: PathBuf,
    epoch: u32,
    attribution: String,
    layer: String,
    /// The recipe's, as TOML.
    options: String,
}

impl Score<'_> {
    /// With which options the tables were made; written after them.
    fn stamp(&self) -> PathBuf {
        self.dir.join("options.toml")
    }

    fn is_made(&self) -> bool {
        self.dir.join("metrics.parquet").is_file()
            && fs::read_to_string(self.stamp()).is_ok_and(|found| found == self.options)
    }

    /// `trainer explain | evaluator score`, unless that is done with these options.
    fn make(&self, name: &str) -> Result<()> {
        if self.is_made() {
            return Ok(());
        }
        let what = format!(
            "epoch {}, {} at {}",
            self.epoch, self.attribution, self.layer
        );
        match self.shop.n_at_once {
            1 => eprintln!("{what}"),
            _ => eprintln!("{name}: {what}"),
        }
        fs::create_dir_all(&self.dir)?;
        // Were it left, tables of old and new options could be taken for finished.
        if self.stamp().exists() {
            fs::remove_file(self.stamp())?;
        }
        let (mut explain, mut score) = (self.explain()?, self.evaluate()?);
        let labels = [
            self.shop.labelled(&mut explain, name)?,
            self.shop.labelled(&mut score, name)?,
        ];
        let done = process::pipe(explain, score, &format!("scoring {name}, {what}"));
        finish(labels.into_iter().flatten(), []);
        done?;
        fs::write(self.stamp(), &self.options)?;
        Ok(())
    }

    fn predictions(&self) -> PathBuf {
        self.dir.join("predictions.parquet")
    }

    fn explain(&self) -> Result<Command> {
        let mut command = self.shop.command("trainer")?;
        command.arg("explain").arg("--run").arg(&self.run);
        command.arg("--data").arg(self.shop.data_dir());
        command.arg("--predictions").arg(self.predictions());
        command.args(["--checkpoint", &self.epoch.to_string(), "--split", "test"]);
        command.args(["--attribution", &self.attribution, "--layer", &self.layer]);
        command.args(["--maps", "-", "--device", &self.shop.device]);
        Ok(command)
    }

    fn evaluate(&self) -> Result<Command> {
        let options = &self.shop.recipe.evaluation;
        let mut command = self.shop.command("evaluator")?;
        command.args(["score", "--maps", "-"]);
        command.arg("--predictions").arg(self.predictions());
        command.arg("--data").arg(self.shop.data_dir());
        command.arg("--out").arg(&self.dir);
        command.args(["--threshold", &options.threshold.to_string()]);
        command.args(["--replicates", &options.replicates.to_string()]);
        command.args(["--examples", &options.examples.to_string()]);
        command.stdout(Stdio::null());
        Ok(command)
    }
}

/// Waits until the last labelled line is out; `commands` hold the pipes' other ends.
fn finish<const N: usize>(
    labels: impl IntoIterator<Item = JoinHandle<()>>,
    commands: [Command; N],
) {
    drop(commands);
    for label in labels {
        label.join().ok();
    }
}

/// A run's name as a file name.
fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.';
    name.chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect()
}

/// Epochs whose checkpoints a finished run kept.
fn kept_epochs(run: &Path) -> Result<Vec<u32>> {
    let mut epochs = Vec::new();
    for entry in fs::read_dir(run.join("checkpoints"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let epoch = name
            .strip_prefix("epoch-")
            .and_then(|rest| rest.strip_suffix(".safetensors"));
        epochs.extend(epoch.and_then(|epoch| epoch.parse::<u32>().ok()));
    }
    epochs.sort_unstable();
    Ok(epochs)
}

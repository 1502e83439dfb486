//! `cargo xtask reproduce`: from a recipe to a report. Plans data → baseline → guided runs → scores →
//! report, prints the plan, and starts the stages' programs for whatever is not there yet. What a
//! stage made is found finished by the stage itself (content hashes), not by this file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::plan::{Plan, Step, StepKind};
use crate::process::{self, BinDir};
use crate::recipe::{DataSet, Recipe, Start};
use crate::{paths, setup, weights};

/// Command line of `reproduce`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A name from recipes/, or a .toml file
    #[arg(long, default_value = "demo")]
    recipe: String,
    /// The data set's folder (not needed for the embedded scenes)
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where everything is written (default: out/<recipe>)
    #[arg(long)]
    out: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print the plan and stop
    #[arg(long)]
    dry_run: bool,
}

/// Everything a step needs.
struct Workshop {
    recipe: Recipe,
    source: Option<PathBuf>,
    out: PathBuf,
    device: String,
    programs: BinDir,
}

/// A run's configuration as the trainer reads it.
#[derive(Serialize)]
struct RunToml {
    name: String,
    backbone: String,
    attribution: String,
    layer: String,
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
    annotated_fraction: f64,
    dilation: f64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let recipe = Recipe::read(&paths::root(), &args.recipe)?;
    let source = data_folder(&recipe, args.data.as_deref())?;
    let name = Path::new(&args.recipe).file_stem().map_or_else(
        || args.recipe.clone(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| paths::root().join("out").join(&name));
    if args.dry_run && !paths::libtorch().is_dir() && std::env::var_os("LIBTORCH").is_none() {
        let plan = Plan::new(&recipe);
        println!("{}", plan.describe(&recipe, &name, &out));
        println!("set-up and build come first; what is finished is known after them");
        return Ok(());
    }
    setup::ensure()?;
    let programs = process::cargo_build(&["data-prep", "trainer", "evaluator", "analysis"])?;
    let shop = Workshop {
        recipe,
        source,
        out,
        device: args.device.clone(),
        programs,
    };
    let mut plan = Plan::new(&shop.recipe);
    shop.mark_finished(&mut plan)?;
    println!("{}", plan.describe(&shop.recipe, &name, &shop.out));
    if args.dry_run {
        return Ok(());
    }
    let started = Instant::now();
    let mut baseline = None;
    let mut runs = Vec::new();
    for index in 0..plan.steps.len() {
        let step = plan.steps[index].clone();
        let left = plan.time_left(index);
        eprintln!(
            "\n[{}/{}] {}{}",
            index + 1,
            plan.steps.len(),
            step.title(),
            left.map_or_else(String::new, |left| format!(
                "  ({} left in all)",
                indicatif::HumanDuration(left)
            ))
        );
        let begun = Instant::now();
        shop.perform(&step, &mut baseline, &mut runs)?;
        plan.finish(index, begun.elapsed());
    }
    let report = shop.out.join("results").join("report.html");
    println!(
        "\ndone in {}",
        indicatif::HumanDuration(Duration::from_secs(started.elapsed().as_secs()))
    );
    println!("open {}", paths::shown(&report));
    Ok(())
}

/// The source folder, where the recipe needs one.
fn data_folder(recipe: &Recipe, given: Option<&Path>) -> Result<Option<PathBuf>> {
    let dataset = recipe.data.dataset;
    match (dataset, given) {
        (DataSet::Scenes, None) => Ok(None),
        (DataSet::Scenes, Some(_)) => {
            bail!("--data: found a folder, expected none: the scenes are embedded")
        }
        (_, None) => bail!(
            "--data: found nothing, expected the folder of {}\nhint: {}",
            dataset.name(),
            match dataset {
                DataSet::Waterbirds =>
                    "the folder that holds waterbird_1.0_forest2water2 and CUB_200_2011".to_owned(),
                _ => format!("cargo xtask download {}", dataset.name()),
            }
        ),
        (_, Some(dir)) if dir.is_dir() => Ok(Some(dir.to_owned())),
        (_, Some(dir)) => bail!(
            "--data: found no folder {}, expected the folder of {}",
            dir.display(),
            dataset.name()
        ),
    }
}

impl Workshop {
    fn data_dir(&self) -> PathBuf {
        self.out.join("data").join(self.recipe.data.dataset.name())
    }

    fn runs_dir(&self) -> PathBuf {
        self.out.join("runs")
    }

    fn command(&self, program: &str) -> Result<Command> {
        Ok(Command::new(self.programs.program(program)?))
    }

    /// `baseline` and `runs` are what earlier steps trained: the folder of the one, all ids.
    fn perform(
        &self,
        step: &Step,
        baseline: &mut Option<PathBuf>,
        runs: &mut Vec<String>,
    ) -> Result<()> {
        match &step.kind {
            StepKind::Data => self.prepare_data(),
            StepKind::Train(_) => {
                let config = self.config_path(&step.name);
                fs_err::create_dir_all(self.out.join("configs"))?;
                fs_err::write(&config, self.config(step, baseline.as_deref())?)?;
                let folder = self.train(&config, &step.name)?;
                if step.is_baseline() {
                    *baseline = Some(folder);
                }
                Ok(())
            }
            StepKind::Score { settings } => {
                let config = self.config_path(&step.name);
                let (run_id, _) = self.state(&config)?;
                let run = self.runs_dir().join(&run_id);
                runs.push(run_id);
                for epoch in kept_epochs(&run)? {
                    for (attribution, layer) in settings {
                        self.score(&run, epoch, attribution, layer)?;
                    }
                }
                Ok(())
            }
            StepKind::Report => {
                let mut command = self.command("analysis")?;
                command
                    .arg("report")
                    .arg("--results")
                    .arg(&self.out)
                    .arg("--out")
                    .arg(self.out.join("results"));
                // Runs of a former version of the recipe stay in the folder, but not in the report.
                for run_id in runs {
                    command.args(["--run", run_id]);
                }
                process::run(&mut command, "writing the report")
            }
        }
    }

    fn prepare_data(&self) -> Result<()> {
        let data = &self.recipe.data;
        let mut command = self.command("data-prep")?;
        command
            .arg(data.dataset.subcommand())
            .arg("--out")
            .arg(self.data_dir())
            .args(["--size", &data.size.to_string()]);
        if let Some(source) = &self.source {
            command.arg("--root").arg(source);
        }
        for (split, limit) in data.limit.splits() {
            command.args(["--limit", &format!("{split}={limit}")]);
        }
        process::run(&mut command, "preparing the data")
    }

    fn config_path(&self, name: &str) -> PathBuf {
        let file: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        self.out.join("configs").join(format!("{file}.toml"))
    }

    /// A run's configuration; a guided run needs its baseline's folder.
    fn config(&self, step: &Step, baseline: Option<&Path>) -> Result<String> {
        let (recipe, model) = (&self.recipe, &self.recipe.model);
        let shared =
            |attribution: &str, layer: &str, epochs, learning_rate, init, guidance| RunToml {
                name: step.name.clone(),
                backbone: model.backbone.clone(),
                attribution: attribution.to_owned(),
                layer: layer.to_owned(),
                epochs,
                learning_rate,
                batch_size: model.batch_size,
                seed: model.seed,
                init,
                guidance,
            };
        let config = match &step.kind {
            StepKind::Train(Some(run)) => {
                let folder = baseline
                    .context("a guided run starts from a baseline")?
                    .to_owned();
                let guidance = GuidanceToml {
                    loss: run.loss.clone(),
                    lambda: run.lambda,
                    annotated_fraction: run.annotated_fraction,
                    dilation: run.dilation,
                };
                shared(
                    &run.attribution,
                    &run.layer,
                    run.length.0,
                    run.length.1,
                    InitToml::Run { folder },
                    Some(guidance),
                )
            }
            _ => {
                let init = match model.init {
                    Start::Scratch => InitToml::Scratch,
                    Start::Imagenet => InitToml::Weights {
                        file: weights::ensure(&model.backbone)?,
                    },
                };
                let (attribution, layer) = &recipe.settings()[0];
                shared(
                    attribution,
                    layer,
                    recipe.baseline.epochs,
                    recipe.baseline.learning_rate,
                    init,
                    None,
                )
            }
        };
        Ok(toml::to_string(&config)?)
    }

    fn trainer(&self, subcommand: &str, config: &Path) -> Result<Command> {
        let mut command = self.command("trainer")?;
        command
            .arg(subcommand)
            .arg("--config")
            .arg(config)
            .arg("--data")
            .arg(self.data_dir())
            .arg("--out")
            .arg(self.runs_dir());
        Ok(command)
    }

    /// Trains one run and gives its folder.
    fn train(&self, config: &Path, name: &str) -> Result<PathBuf> {
        let mut command = self.trainer("train", config)?;
        command
            .args(["--device", &self.device])
            .stderr(Stdio::inherit());
        let said = process::capture(&mut command, &format!("training {name}"))?;
        Ok(PathBuf::from(said.trim()))
    }

    /// A run's id and state, as the trainer sees them.
    fn state(&self, config: &Path) -> Result<(String, String)> {
        let said = process::capture(
            &mut self.trainer("state", config)?,
            "asking for a run's state",
        )?;
        let (run_id, state) = said
            .trim()
            .split_once('\t')
            .context("trainer state: expected an id, a tab and a state")?;
        Ok((run_id.to_owned(), state.to_owned()))
    }

    /// `trainer explain | evaluator score` for one checkpoint, unless it is done with these options.
    fn score(&self, run: &Path, epoch: u32, attribution: &str, layer: &str) -> Result<()> {
        let options = &self.recipe.evaluation;
        let dir = run
            .join("evaluations")
            .join(format!("test-{attribution}-{layer}-epoch-{epoch:04}"));
        let (stamp, wanted) = (dir.join("options.toml"), toml::to_string(options)?);
        if dir.join("metrics.parquet").exists()
            && fs_err::read_to_string(&stamp).is_ok_and(|found| found == wanted)
        {
            return Ok(());
        }
        fs_err::create_dir_all(&dir)?;
        fs_err::write(&stamp, wanted)?;
        eprintln!("epoch {epoch}, {attribution} at {layer}");
        let predictions = dir.join("predictions.parquet");
        let mut explain = self.command("trainer")?;
        explain
            .arg("explain")
            .arg("--run")
            .arg(run)
            .arg("--data")
            .arg(self.data_dir())
            .arg("--predictions")
            .arg(&predictions);
        explain.args([
            "--checkpoint",
            &epoch.to_string(),
            "--split",
            "test",
            "--attribution",
            attribution,
            "--layer",
            layer,
        ]);
        explain
            .args(["--maps", "-", "--device", &self.device])
            .stdout(Stdio::piped());
        let mut explaining = explain
            .spawn()
            .context("trainer explain could not be started")?;
        let stream = explaining
            .stdout
            .take()
            .context("trainer explain has no output")?;
        let mut score = self.command("evaluator")?;
        score
            .args(["score", "--maps", "-"])
            .arg("--predictions")
            .arg(&predictions)
            .arg("--data")
            .arg(self.data_dir())
            .arg("--out")
            .arg(&dir);
        score.args([
            "--threshold",
            &options.threshold.to_string(),
            "--replicates",
            &options.replicates.to_string(),
        ]);
        score
            .args(["--examples", &options.examples.to_string()])
            .stdin(stream)
            .stdout(Stdio::null());
        let scored = process::run(&mut score, "scoring");
        let explained = explaining.wait()?;
        if !explained.success() {
            bail!("explaining {}: trainer failed ({explained})", run.display());
        }
        scored
    }

    /// Marks the steps whose results are there. Nothing is written but a temporary configuration.
    fn mark_finished(&self, plan: &mut Plan) -> Result<()> {
        if !self.data_dir().join("images.parquet").exists() {
            return Ok(());
        }
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("run.toml");
        let mut baseline = None;
        for step in &mut plan.steps {
            let is_baseline = step.is_baseline();
            step.is_done = match &step.kind {
                StepKind::Data => true,
                StepKind::Train(_) if is_baseline || baseline.is_some() => {
                    fs_err::write(&file, self.config(step, baseline.as_deref())?)?;
                    let (run_id, state) = self.state(&file)?;
                    if is_baseline && state == "finished" {
                        baseline = Some(self.runs_dir().join(run_id));
                    }
                    state == "finished"
                }
                _ => false,
            };
        }
        Ok(())
    }
}

/// Epochs whose checkpoints a finished run kept.
fn kept_epochs(run: &Path) -> Result<Vec<u32>> {
    let mut epochs = Vec::new();
    for entry in fs_err::read_dir(run.join("checkpoints"))? {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        epochs.extend(
            stem.strip_prefix("epoch-")
                .and_then(|epoch| epoch.parse::<u32>().ok()),
        );
    }
    epochs.sort_unstable();
    Ok(epochs)
}

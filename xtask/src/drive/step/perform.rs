//! Does a step by running the stages' programs, and finds out from the out folder whether a step is done (for
//! runs it asks `finished`). `trainer select` chooses the checkpoints that are scored; xtask itself compares no
//! metric.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use super::record;
use super::score::Score;
use super::workshop::{Saves, Workshop};
use crate::drive::plan::cost::Work;
use crate::drive::plan::{Plan, Step, StepKind};
use crate::drive::recipe::{Run, RunIndex};
use crate::drive::vocabulary::DataPrep;
use crate::install::pip;
use crate::system::signals::Stopped;
use crate::system::{files, process, threads};

impl Workshop<'_> {
    /// Does `step`. Returns the work that was done in it, from which rates are measured: of a score the
    /// evaluations that it made, of a training nothing if it was begun before, of data and report nothing.
    pub(crate) fn perform(&self, step: &Step) -> Result<Vec<Work>> {
        match step.kind {
            StepKind::Data(index) => self.prepare_data(index)?,
            StepKind::Train(run) => return self.train(self.experiment.run(run), &step.key),
            StepKind::Score(index) => return self.score(index),
            StepKind::Times(index) => return self.time(index),
            StepKind::Report => self.report()?,
        }
        Ok(Vec::new())
    }

    /// Runs data-prep for the data set of this index.
    fn prepare_data(&self, index: usize) -> Result<()> {
        let data = &self.experiment.data[index];
        if data.is_prepared() {
            return Ok(());
        }
        let mut command = self.command("data-prep")?;
        let source = self.source(data);
        match data.published() {
            Some(name) => {
                let known = DataPrep::ask(&self.folders.programs)?;
                command.arg(known.subcommand(name)?);
                if let Some(folder) = source {
                    command.arg("--root").arg(folder);
                }
            }
            None => {
                command.arg("read").args(source);
                command.args(data.read_arguments());
            }
        }
        command.arg("--out").arg(self.data_dir(index));
        command.args(["--size", &data.size.to_string()]);
        for (split, limit) in data.limit.splits() {
            command.args(["--limit", &format!("{split}={limit}")]);
        }
        // data-prep does not read the environment variable of the number of threads.
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

    /// Writes the configuration of `run` and trains it.
    fn train(&self, run: &Run, key: &str) -> Result<Vec<Work>> {
        let baseline = match run.baseline() {
            None => None,
            Some(index) => match self.finished(RunIndex::Baseline(index))? {
                None => bail!("training {}: its baseline is not finished", run.name),
                folder => folder,
            },
        };
        let Some(config) = self.config(run, baseline.as_deref())? else {
            bail!(
                "training {}: the runs that find its λ are not finished",
                run.name
            );
        };
        let file = self.folders.out.join("configs");
        let file = file.join(format!("{}.toml", key.replace('/', "-")));
        files::write(&file, &config)?;
        let file = [file];
        let before = self.states(&file, run.data)?.pop();
        let mut command = self.trainer("train", &file, run.data)?;
        command.args(["--device", &self.device]);
        let progress = record::progress_file(&self.folders.out, key);
        command.arg("--progress").arg(progress);
        self.run(command, &format!("training {}", run.name), Saves::Yes)?;
        if before.is_none_or(|(_, state)| state != "absent") {
            return Ok(Vec::new());
        }
        let epochs = match run.hyperparameters.early_stopping {
            None => Some(run.hyperparameters.epochs),
            // It may have ended before the last epoch.
            Some(_) => record::finished_epochs(&self.folders.out, key),
        };
        let work = epochs.map(|epochs| Work::of_epochs(self.experiment, run, epochs));
        Ok(work.unwrap_or_default())
    }

    /// The evaluations of the selection of this index, whether made or not: each chosen checkpoint of its
    /// runs with each kind of maps. None where a run is not finished.
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
        let mut chosen = self.chosen(&folders, None)?;
        let measured = match self.experiment.evaluation.faithfulness {
            Some(_) => self.measured(run, &folders, &chosen)?,
            None => Vec::new(),
        };
        // Of two checkpoints that are equal but for rounding, the front may have the other one.
        for checkpoint in &measured {
            if !chosen.contains(checkpoint) {
                chosen.push(checkpoint.clone());
            }
        }
        let mut scores = Vec::new();
        for checkpoint in chosen {
            let is_measured = measured.contains(&checkpoint);
            for maps in &selection.maps {
                let checkpoint = checkpoint.clone();
                scores.push(Score::new(self, run, checkpoint, maps, is_measured));
            }
        }
        Ok(Some(scores))
    }

    /// The checkpoints of runs like `run`, in `folders`, of which it is measured how faithful their maps are: the one
    /// that stands for them against their baseline; `chosen`, all that are scored, of baselines and of runs that
    /// begin from none.
    fn measured(
        &self,
        run: &Run,
        folders: &[PathBuf],
        chosen: &[(PathBuf, u32)],
    ) -> Result<Vec<(PathBuf, u32)>> {
        let baseline = match run.baseline() {
            Some(index) if run.guidance.is_some() => self.finished(RunIndex::Baseline(index))?,
            _ => None,
        };
        match baseline {
            Some(baseline) => self.chosen(folders, Some(&baseline)),
            None => Ok(chosen.to_vec()),
        }
    }

    /// The λ of the run that the trainer chooses among the runs of the selection of this index; these are of the
    /// seed on which the recipe tunes λ. None where one of them, or their baseline, is not finished.
    pub(super) fn lambda(&self, selection: usize) -> Result<Option<f64>> {
        if let Some(lambda) = self.lambdas().get(&selection) {
            return Ok(Some(*lambda));
        }
        let runs = &self.experiment.selections[selection].runs;
        self.look_up(runs)?;
        let mut folders = Vec::new();
        for &run in runs {
            match self.known_folder(run) {
                Some(folder) => folders.push(folder),
                None => return Ok(None),
            }
        }
        let first = runs.first().map(|&index| self.experiment.run(index));
        let baseline = first
            .and_then(Run::baseline)
            .context("a tuned run has a baseline")?;
        let Some(baseline) = self.known_folder(RunIndex::Baseline(baseline)) else {
            return Ok(None);
        };
        let chosen = self.chosen(&folders, Some(&baseline))?;
        let chosen = chosen.first().and_then(|(folder, _)| {
            let index = folders.iter().position(|other| other == folder)?;
            let guidance = self.experiment.run(runs[index]).guidance.as_ref()?;
            Some(guidance.lambda)
        });
        let lambda =
            chosen.context("trainer select --against: found no checkpoint, expected one")?;
        self.lambdas().insert(selection, lambda);
        Ok(Some(lambda))
    }

    /// The run folder and epoch of each checkpoint that the trainer chooses among the runs in `folders`: their
    /// Pareto front, or of a baseline the epoch of the highest F1. With `baseline`, the folder of the guided runs'
    /// baseline, it is one checkpoint: the one with the highest validation EPG among those whose F1 is at most one
    /// point below the baseline's.
    fn chosen(&self, folders: &[PathBuf], baseline: Option<&Path>) -> Result<Vec<(PathBuf, u32)>> {
        let mut command = self.command("trainer")?;
        command.arg("select").args(folders);
        if let Some(baseline) = baseline {
            command.arg("--against").arg(baseline);
        }
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

    /// Makes the missing evaluations of the selection of this index, until it is asked to stop.
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

    /// Makes the report over the recipe's finished runs alone. The out folder may have others, of a former
    /// version of the recipe.
    fn report(&self) -> Result<()> {
        let out = &self.folders.out;
        let mut command = self.command("analysis")?;
        command.arg("report").arg("--results").arg(out);
        command.arg("--out").arg(out.join("results"));
        // Data that was prepared before lies elsewhere.
        for (index, data) in self.experiment.data.iter().enumerate() {
            if data.is_prepared() {
                command.arg("--data").arg(self.data_dir(index));
            }
        }
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

    /// Whether the results of `step` are there. Never for the report, which is always made anew.
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
            StepKind::Times(index) => self.is_timed(index)?,
            StepKind::Report => false,
        })
    }
}

/// Marks the steps of `plan` whose results are there.
pub(crate) fn mark_finished(shop: &Workshop, plan: &mut Plan) -> Result<()> {
    let runs = plan.steps.iter().filter_map(|step| match step.kind {
        StepKind::Train(run) => Some(run),
        _ => None,
    });
    shop.look_up(&runs.collect::<Vec<RunIndex>>())?;
    let done = side_by_side(&plan.steps, |step| shop.is_done(step))?;
    for (step, is_done) in plan.steps.iter_mut().zip(done) {
        step.is_done = is_done;
    }
    Ok(())
}

/// Calls `each` with every item, on all cores, and returns the results in the items' order, or an error.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = Mutex::new(items.iter().enumerate());
    let (next, each) = (&next, &each);
    let take = move || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = move || -> Result<Vec<(usize, R)>> {
        let mut made = Vec::new();
        while let Some((index, item)) = take() {
            made.push((index, each(item)?));
        }
        Ok(made)
    };
    let made: Result<Vec<Vec<(usize, R)>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads::cores()).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<_>>| match worker.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().map(join).collect()
    });
    let mut made: Vec<(usize, R)> = made?.into_iter().flatten().collect();
    made.sort_by_key(|(index, _)| *index);
    Ok(made.into_iter().map(|(_, value)| value).collect())
}

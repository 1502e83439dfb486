//! Finds out which training runs are finished. It writes their configurations into a temporary folder and asks
//! `trainer state` for their ids and states, because only the trainer knows how an id is made (by a hash).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

use anyhow::{Context, Result};
use fs_err as fs;

use super::workshop::Workshop;
use crate::drive::recipe::{Origin, RunIndex};
use crate::system::process;

impl Workshop<'_> {
    /// For each configuration file the folder of its run, and the run's state in the trainer's words: absent,
    /// partial …, finished. `data` is the index of the data set.
    pub(super) fn states(
        &self,
        configs: &[PathBuf],
        data: usize,
    ) -> Result<Vec<(PathBuf, String)>> {
        let mut command = self.trainer("state", configs, data)?;
        let said = process::capture(&mut command, "asking for the state of runs")?;
        let states: Option<Vec<_>> = said
            .lines()
            .map(|line| {
                let (run_id, state) = line.split_once('\t')?;
                Some((self.runs_dir().join(run_id), state.to_owned()))
            })
            .collect();
        states
            .filter(|states| states.len() == configs.len())
            .with_context(|| {
                let n = configs.len();
                format!(
                    "trainer state: found {said:?}, expected {n} lines of an id, a tab and a state"
                )
            })
    }

    /// The folder of `run` if it is finished, else None.
    pub(crate) fn finished(&self, run: RunIndex) -> Result<Option<PathBuf>> {
        if let Some(found) = self.known().get(&run) {
            return Ok(found.clone());
        }
        self.look_up(&[run])?;
        Ok(self.known_folder(run))
    }

    /// The folder of `run`, if it was asked about and is finished.
    pub(super) fn known_folder(&self, run: RunIndex) -> Option<PathBuf> {
        self.known().get(&run).cloned().flatten()
    }

    /// What was found so far, locked.
    fn known(&self) -> MutexGuard<'_, BTreeMap<RunIndex, Option<PathBuf>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks which of `runs` are finished, and keeps the answers in `known`.
    pub(crate) fn look_up(&self, runs: &[RunIndex]) -> Result<()> {
        let baseline = |run: &RunIndex| self.experiment.run(*run).baseline();
        let baselines: BTreeSet<RunIndex> = runs
            .iter()
            .map(|run| baseline(run).map_or(*run, RunIndex::Baseline))
            .collect();
        // Three rounds. First the baselines, and guided runs that start from none: the configuration of other
        // guided runs names the folder of their baseline. Then the guided runs. Last the runs whose λ is chosen
        // among guided runs of another seed.
        let tuned_in = |run: &RunIndex| self.experiment.run(*run).tuned_in;
        let tuning = runs.iter().filter_map(tuned_in);
        let tuning = tuning.flat_map(|index| self.experiment.selections[index].runs.iter());
        let guided: BTreeSet<RunIndex> = runs
            .iter()
            .chain(tuning)
            .filter(|run| baseline(run).is_some() && tuned_in(run).is_none())
            .copied()
            .collect();
        let baselines = baselines
            .into_iter()
            .chain(guided.iter().filter_map(baseline).map(RunIndex::Baseline))
            .collect();
        let tuned = runs.iter().filter(|run| tuned_in(run).is_some()).copied();
        for level in [baselines, guided.clone(), tuned.collect()] {
            for data in 0..self.experiment.data.len() {
                let of_data = |run: &&RunIndex| self.experiment.run(**run).data == data;
                let runs: Vec<RunIndex> = level.iter().filter(of_data).copied().collect();
                if self.is_prepared(data) && self.runs_dir().is_dir() {
                    self.look_up_of(data, &runs)?;
                }
            }
        }
        Ok(())
    }

    /// Asks for `runs`, all of one data set, in one call. Runs whose weights, baseline or λ are missing are
    /// skipped: they cannot be finished.
    fn look_up_of(&self, data: usize, runs: &[RunIndex]) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (mut asked, mut files) = (Vec::new(), Vec::new());
        for &index in runs {
            let run = self.experiment.run(index);
            if self.known().contains_key(&index)
                || (run.origin == Origin::Weights && self.find_weights(run).is_none())
            {
                continue;
            }
            let baseline = match run.baseline() {
                None => None,
                Some(index) => match self.known_folder(RunIndex::Baseline(index)) {
                    Some(folder) => Some(folder),
                    None => continue,
                },
            };
            let Some(config) = self.config(run, baseline.as_deref())? else {
                continue;
            };
            let file = folder.path().join(format!("{}.toml", files.len()));
            fs::write(&file, config)?;
            asked.push(index);
            files.push(file);
        }
        if files.is_empty() {
            return Ok(());
        }
        let states = self.states(&files, data)?;
        let found = states
            .into_iter()
            .map(|(folder, state)| (state == "finished").then_some(folder));
        self.known().extend(asked.into_iter().zip(found));
        Ok(())
    }

    /// The folder of each run that is finished, else None: first the baselines, then the guided runs.
    pub(super) fn finished_runs(&self) -> Result<Vec<Option<PathBuf>>> {
        let baselines = (0..self.experiment.baselines.len()).map(RunIndex::Baseline);
        let guided = (0..self.experiment.guided.len()).map(RunIndex::Guided);
        let runs: Vec<RunIndex> = baselines.chain(guided).collect();
        self.look_up(&runs)?;
        let known = self.known();
        Ok(runs
            .iter()
            .map(|run| known.get(run).cloned().flatten())
            .collect())
    }
}

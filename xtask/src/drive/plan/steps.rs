//! Makes the plan of an experiment: its steps, and for each the steps that must be finished before. The plan
//! is written into the out folder as `plan.toml`, for `cargo xtask status`.
//!
//! A selection is a group of runs whose checkpoints are chosen together: one baseline (a run without guidance),
//! or the guided runs that differ in λ alone.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::cost::{Rates, Speed, Work};
use crate::drive::device::Device;
use crate::drive::recipe::{Experiment, RunIndex};
use crate::system::files;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// Prepares the experiment's data set of this index: makes tables and pixels of images and annotations.
    Data(usize),
    /// Trains one run.
    Train(RunIndex),
    /// Chooses checkpoints among the runs of the experiment's selection of this index, explains and scores
    /// them.
    Score(usize),
    /// Times training steps of the experiment's group of this index of runs guided at different layers.
    Times(usize),
    /// Makes tables, figures and report.
    Report,
}

/// One step of the plan.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// `data`, `baseline/1`, `guided/12`, `score/3`, `times/1`, `report`: numbered from 1, in the plan's order.
    pub(crate) key: String,
    /// The name of the data set, run or selection that it is about.
    pub(crate) name: String,
    pub(crate) kind: StepKind,
    /// Indices of the steps it needs, all before it.
    pub(crate) after: Vec<usize>,
    /// Whether its results were there when the plan was made.
    pub(crate) is_done: bool,
    /// Its work, from which the expected time follows.
    pub(crate) work: Vec<Work>,
}

impl Step {
    /// Whether it is run although it is done. This holds for data: data-prep then checks that the data
    /// folder is what the recipe asks for.
    pub(crate) fn is_to_check(&self) -> bool {
        self.is_done && matches!(self.kind, StepKind::Data(_))
    }

    /// What it does, in a few words.
    pub(crate) fn title(&self) -> String {
        match &self.kind {
            StepKind::Data(_) => format!("data   {}", self.name),
            StepKind::Train(_) => format!("train  {}", self.name),
            StepKind::Score(_) => format!("score  {}", self.name),
            StepKind::Times(_) => format!("time   {}", self.name),
            StepKind::Report => "tables, figures, report.html".to_owned(),
        }
    }
}

/// A step as a queue takes it: a command line, and the jobs that must have ended before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// The step's key.
    pub(crate) key: String,
    /// Indices into the list of jobs, all smaller than this one's. These jobs must have succeeded. Before
    /// the report they must only have ended, because it is made from what there is.
    pub(crate) after: Vec<usize>,
    /// The arguments of `xtask step`, the key included. The queue may add `--device DEV` (default: auto).
    pub(crate) args: Vec<String>,
    /// Expected wall time on one device, minutes.
    pub(crate) minutes: f64,
    /// Whether it trains or explains, so that it may use a GPU; data and report only need a CPU core.
    pub(crate) needs_device: bool,
}

impl Job {
    /// Whether it is the report, which is made from the results there are, however the jobs before it
    /// ended.
    pub(crate) fn is_report(&self) -> bool {
        self.key == REPORT
    }
}

/// The report's key.
const REPORT: &str = "report";

/// All steps, each after those it needs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    /// The steps of `experiment`, none of them marked as done, in the order in which they are done: data, baselines,
    /// then for each selection its guided runs and its score, and times of steps.
    pub(crate) fn new(experiment: &Experiment) -> Self {
        let mut plan = Plan { steps: Vec::new() };
        let data = &experiment.data;
        for (index, part) in data.iter().enumerate() {
            let name = part.name();
            let key = match data.len() {
                1 => "data".to_owned(),
                _ => format!("data/{name}"),
            };
            plan.add(key, name, StepKind::Data(index), Vec::new(), Vec::new());
        }
        let trained = |run| StepKind::Train(run);
        for index in 0..experiment.baselines.len() {
            let run = RunIndex::Baseline(index);
            plan.add_run(experiment, run, format!("baseline/{}", index + 1));
        }
        for (index, selection) in experiment.selections.iter().enumerate() {
            for &run in &selection.runs {
                if let RunIndex::Guided(number) = run {
                    plan.add_run(experiment, run, format!("guided/{}", number + 1));
                }
            }
            let runs = selection.runs.iter();
            let after = runs.filter_map(|&run| plan.position(trained(run)));
            let (after, work) = (after.collect(), Work::of_scores(experiment, selection));
            let (key, name) = (format!("score/{}", index + 1), &selection.name);
            plan.add(key, name, StepKind::Score(index), after, work);
        }
        for (index, runs) in experiment.timed().iter().enumerate() {
            let after = runs.iter().filter_map(|&run| plan.position(trained(run)));
            let (after, work) = (after.collect(), Work::of_times(experiment, runs));
            let first = experiment.run(runs[0]);
            let name = format!("steps of {} guided at each layer", first.backbone);
            plan.add(
                format!("times/{}", index + 1),
                &name,
                StepKind::Times(index),
                after,
                work,
            );
        }
        let is_result = |(_, step): &(usize, &Step)| {
            matches!(step.kind, StepKind::Score(_) | StepKind::Times(_))
        };
        let results = plan.steps.iter().enumerate().filter(is_result);
        let after = results.map(|(index, _)| index).collect();
        plan.add(REPORT.to_owned(), "", StepKind::Report, after, Vec::new());
        plan
    }

    /// Appends the training of one run. It needs its data, its baseline if it starts from one, and, where its λ
    /// is the one that another seed's runs find (`tuned_in`), those runs.
    fn add_run(&mut self, experiment: &Experiment, index: RunIndex, key: String) {
        let run = experiment.run(index);
        let baseline = run.baseline().map(RunIndex::Baseline);
        let tuning = run.tuned_in.iter();
        let tuning = tuning.flat_map(|&selection| &experiment.selections[selection].runs);
        let runs = baseline.into_iter().chain(tuning.copied());
        let needed = std::iter::once(StepKind::Data(run.data)).chain(runs.map(StepKind::Train));
        let after = needed.filter_map(|kind| self.position(kind)).collect();
        let work = Work::of_run(experiment, run);
        self.add(key, &run.name, StepKind::Train(index), after, work);
    }

    /// Appends a step.
    fn add(&mut self, key: String, name: &str, kind: StepKind, after: Vec<usize>, work: Vec<Work>) {
        self.steps.push(Step {
            key,
            name: name.to_owned(),
            kind,
            after,
            is_done: false,
            work,
        });
    }

    /// The index of the step that does this; None where it is not in the plan (yet).
    fn position(&self, kind: StepKind) -> Option<usize> {
        self.steps.iter().position(|step| step.kind == kind)
    }

    /// The step of this key.
    pub(crate) fn step(&self, key: &str) -> Result<&Step> {
        let found = self.steps.iter().find(|step| step.key == key);
        found.with_context(|| {
            let keys: Vec<&str> = self.steps.iter().map(|step| step.key.as_str()).collect();
            format!("step: found {key:?}, expected one of {}", keys.join(", "))
        })
    }

    /// The steps that are `wanted`, as jobs, which wait only for each other: a step that is not wanted is
    /// taken as done. `common` are the arguments that all jobs share.
    pub(crate) fn jobs(
        &self,
        wanted: impl Fn(&Step) -> bool,
        common: &[String],
        rates: &Rates,
        device: Device,
    ) -> Vec<Job> {
        let mut job_of_step = vec![None; self.steps.len()];
        let mut jobs = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            if !wanted(step) {
                continue;
            }
            job_of_step[index] = Some(jobs.len());
            jobs.push(Job {
                key: step.key.clone(),
                after: step
                    .after
                    .iter()
                    .filter_map(|&step| job_of_step[step])
                    .collect(),
                args: [common, std::slice::from_ref(&step.key)].concat(),
                minutes: rates.seconds(&step.work, device) / 60.0,
                needs_device: !matches!(step.kind, StepKind::Data(_) | StepKind::Report),
            });
        }
        jobs
    }

    /// Expected seconds until all steps are done: the work that is left, divided evenly among the devices.
    pub(crate) fn seconds_left(&self, rates: &Rates, speed: Speed) -> f64 {
        let left = self.steps.iter().filter(|step| !step.is_done);
        let seconds: f64 = left
            .map(|step| rates.seconds(&step.work, speed.device))
            .sum();
        seconds / speed.n_devices as f64
    }
}

/// The content of `plan.toml` in the out folder, for `cargo xtask status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlanFile {
    /// The recipe's name.
    pub(crate) recipe: String,
    pub(crate) step: Vec<StepLine>,
}

/// A step in `plan.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepLine {
    pub(crate) key: String,
    pub(crate) title: String,
    /// Whether it was found finished when the plan was made.
    pub(crate) is_done: bool,
    /// Expected time on one device.
    pub(crate) minutes: f64,
}

impl PlanFile {
    /// The plan of `recipe` with its expected times.
    pub(crate) fn new(recipe: &str, plan: &Plan, rates: &Rates, device: Device) -> Self {
        let line = |step: &Step| StepLine {
            key: step.key.clone(),
            title: step.title(),
            is_done: step.is_done,
            minutes: rates.seconds(&step.work, device) / 60.0,
        };
        PlanFile {
            recipe: recipe.to_owned(),
            step: plan.steps.iter().map(line).collect(),
        }
    }

    /// Writes the file into `out`.
    pub(crate) fn write(&self, out: &Path) -> Result<()> {
        files::write(&out.join(PLAN), &toml::to_string(self)?)
    }

    /// Reads the file in `out`.
    pub(crate) fn read(out: &Path) -> Result<Self> {
        files::read_toml(&out.join(PLAN))
    }
}

/// The name of the file.
const PLAN: &str = "plan.toml";

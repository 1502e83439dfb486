//! The steps of a recipe in order, how much work each is, and from the work done so far how long the
//! rest will take.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::paths;
use crate::recipe::{GuidedRun, Recipe, Start};

/// Cost of a guided step over a plain one (docs/benchmarks.md): at the input the way back and its
/// derivative repeat the network.
const GUIDED_AT_INPUT: f64 = 2.0;
/// At a later layer only the part behind it.
const GUIDED_LATER: f64 = 1.1;
/// Cost of explaining the validation or test images once, over a training epoch.
const EXPLAIN_AT_INPUT: f64 = 0.4;
const EXPLAIN_LATER: f64 = 0.15;
/// Checkpoints a guided run is expected to keep.
const KEPT: f64 = 2.0;

/// What a step does. Runs are numbered: 0 is the baseline.
#[derive(Clone, Debug)]
pub(crate) enum StepKind {
    /// Images and annotations to tables and pixels.
    Data,
    /// The unguided run.
    Baseline,
    /// A run that starts from it.
    Guided(usize, GuidedRun),
    /// Test maps and scores of a run's kept checkpoints, for each (attribution, layer).
    Score(usize, Vec<(String, String)>),
    /// Tables, figures, report.
    Report,
}

/// One step of the plan.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The run it is about, or the data set.
    pub(crate) name: String,
    pub(crate) kind: StepKind,
    /// Found finished before the start.
    pub(crate) is_done: bool,
    /// In plain training epochs.
    work: f64,
}

impl Step {
    pub(crate) fn title(&self) -> String {
        match &self.kind {
            StepKind::Data => format!("data      {}", self.name),
            StepKind::Baseline | StepKind::Guided(..) => format!("train     {}", self.name),
            StepKind::Score(..) => format!("score     {} on the test images", self.name),
            StepKind::Report => "report    tables, figures, report.html".to_owned(),
        }
    }
}

/// A step as whoever queues it sees it: a command line, and what must have ended before.
#[derive(Clone, Debug, PartialEq)]
#[expect(dead_code, reason = "the queues follow")]
pub(crate) struct Job {
    /// Stable within a recipe: `data`, `baseline/0`, `guided/12`, `score/3`, `report`.
    pub(crate) key: String,
    /// Indices into the list of jobs, all smaller than this one's. They must have succeeded; those of
    /// `report` must only have ended, as it is made from what there is.
    pub(crate) after: Vec<usize>,
    /// What follows `xtask step`, the key included; `--device DEV` may be added (default: auto).
    pub(crate) args: Vec<String>,
    /// Expected wall time on one device, minutes.
    pub(crate) minutes: f64,
    /// Trains or explains; data and report only need a core.
    pub(crate) needs_device: bool,
}

/// All steps.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let settings = recipe.settings();
        let runs = recipe.guided_runs();
        let validation = settings.first().map_or(0.0, |(_, layer)| explain(layer));
        let mut plan = Plan { steps: Vec::new() };
        plan.add(recipe.data.dataset.name(), StepKind::Data, 0.0);
        let epochs = f64::from(recipe.baseline.epochs);
        plan.add("baseline", StepKind::Baseline, epochs * (1.0 + validation));
        for (index, run) in runs.iter().enumerate() {
            let step = match run.layer.as_str() {
                "input" => GUIDED_AT_INPUT,
                _ => GUIDED_LATER,
            };
            let work = f64::from(run.length.epochs) * (step + explain(&run.layer));
            plan.add(&run.name, StepKind::Guided(index + 1, run.clone()), work);
        }
        let work = settings.iter().map(|(_, layer)| explain(layer)).sum();
        plan.add("baseline", StepKind::Score(0, settings), work);
        for (index, run) in runs.iter().enumerate() {
            let settings = vec![(run.attribution.clone(), run.layer.clone())];
            let work = KEPT * explain(&run.layer);
            plan.add(&run.name, StepKind::Score(index + 1, settings), work);
        }
        plan.add("report", StepKind::Report, 0.0);
        plan
    }

    fn add(&mut self, name: &str, kind: StepKind, work: f64) {
        self.steps.push(Step {
            name: name.to_owned(),
            kind,
            is_done: false,
            work,
        });
    }

    /// The plan as a person reads it before it runs.
    pub(crate) fn describe(&self, recipe: &Recipe, name: &str, out: &Path) -> String {
        let mut text = format!("recipe {name}: {}\n", recipe.about);
        let weights = match recipe.model.init {
            Start::Scratch => "random",
            Start::Imagenet => "ImageNet",
        };
        let (backbone, size) = (&recipe.model.backbone, recipe.data.size);
        let out = paths::shown(out);
        let _ = writeln!(
            text,
            "{backbone} from {weights} weights, {size}×{size} input; everything goes to {out}\n"
        );
        for (index, step) in self.steps.iter().enumerate() {
            let state = if step.is_done { "done" } else { "to do" };
            let _ = writeln!(text, "{:>3}. {:<60} {state}", index + 1, step.title());
        }
        text.trim_end().to_owned()
    }

    /// The steps in groups, each of which needs all of those before it and nothing of its own.
    pub(crate) fn groups(&self) -> Vec<Range<usize>> {
        let order = |step: &Step| match step.kind {
            StepKind::Data => 0,
            StepKind::Baseline => 1,
            StepKind::Guided(..) => 2,
            StepKind::Score(..) => 3,
            StepKind::Report => 4,
        };
        let mut start = 0;
        let groups = self.steps.chunk_by(|a, b| order(a) == order(b));
        groups
            .map(|group| {
                let range = start..start + group.len();
                start = range.end;
                range
            })
            .collect()
    }
}

fn explain(layer: &str) -> f64 {
    match layer {
        "input" => EXPLAIN_AT_INPUT,
        _ => EXPLAIN_LATER,
    }
}

/// What this invocation has done, and when it began to.
#[derive(Debug)]
pub(crate) struct Pace {
    begun: Option<Instant>,
    done: f64,
    left: f64,
}

impl Pace {
    pub(crate) fn new(plan: &Plan) -> Self {
        let to_do = plan.steps.iter().filter(|step| !step.is_done);
        Pace {
            begun: None,
            done: 0.0,
            left: to_do.map(|step| step.work).sum(),
        }
    }

    /// A step begins: steps without work (the data) are before the clock.
    pub(crate) fn begin(&mut self, step: &Step) {
        if step.work > 0.0 {
            self.begun.get_or_insert_with(Instant::now);
        }
    }

    pub(crate) fn finish(&mut self, step: &Step) {
        self.done += step.work;
        self.left -= step.work;
    }

    /// Time for what is not finished, at the rate so far; `None` before there is a rate.
    pub(crate) fn left(&self) -> Option<Duration> {
        let elapsed = self.begun?.elapsed().as_secs_f64();
        let is_known = self.done > 0.0 && self.left > 0.0;
        is_known.then(|| Duration::from_secs((elapsed / self.done * self.left) as u64))
    }
}

//! The steps of a recipe in order, how much work each is, and from the work done so far how long the
//! rest will take.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::paths;
use crate::recipe::{GuidedRun, Recipe};

/// Cost of a guided step over a plain one: at the input the second-order pass repeats the network.
const GUIDED_AT_INPUT: f64 = 3.5;
/// At a later layer only the part behind it.
const GUIDED_LATER: f64 = 1.1;
/// Cost of explaining the validation or test images once, over a training epoch.
const EXPLAIN_AT_INPUT: f64 = 0.4;
const EXPLAIN_LATER: f64 = 0.15;
/// Checkpoints a guided run is expected to keep.
const KEPT: f64 = 2.0;

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum StepKind {
    /// Images and annotations to tables and pixels.
    Data,
    /// One run; `None` is the baseline.
    Train(Option<GuidedRun>),
    /// Test maps and scores of a run's kept checkpoints.
    Score {
        /// The (attribution, layer) pairs to explain with.
        settings: Vec<(String, String)>,
    },
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
    took: Option<Duration>,
}

impl Step {
    pub(crate) fn is_baseline(&self) -> bool {
        matches!(self.kind, StepKind::Train(None))
    }

    pub(crate) fn title(&self) -> String {
        match &self.kind {
            StepKind::Data => format!("data      {}", self.name),
            StepKind::Train(_) => format!("train     {}", self.name),
            StepKind::Score { .. } => format!("score     {} on the test images", self.name),
            StepKind::Report => "report    tables, figures, report.html".to_owned(),
        }
    }
}

/// All steps.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let step = |name: &str, kind, work| Step {
            name: name.to_owned(),
            kind,
            is_done: false,
            work,
            took: None,
        };
        let explain = |layer: &str| {
            if layer == "input" {
                EXPLAIN_AT_INPUT
            } else {
                EXPLAIN_LATER
            }
        };
        let settings = recipe.settings();
        let mut steps = vec![step(recipe.data.dataset.name(), StepKind::Data, 0.0)];
        let validated = f64::from(recipe.baseline.epochs) * (1.0 + explain(&settings[0].1));
        steps.push(step("baseline", StepKind::Train(None), validated));
        let runs = recipe.guided_runs();
        for run in &runs {
            let factor = if run.layer == "input" {
                GUIDED_AT_INPUT
            } else {
                GUIDED_LATER
            };
            steps.push(step(
                &run.name,
                StepKind::Train(Some(run.clone())),
                f64::from(run.length.0) * (factor + explain(&run.layer)),
            ));
        }
        let work = settings.iter().map(|(_, layer)| explain(layer)).sum();
        steps.push(step("baseline", StepKind::Score { settings }, work));
        for run in &runs {
            let settings = vec![(run.attribution.clone(), run.layer.clone())];
            steps.push(step(
                &run.name,
                StepKind::Score { settings },
                KEPT * explain(&run.layer),
            ));
        }
        steps.push(step("report", StepKind::Report, 0.0));
        Plan { steps }
    }

    /// The plan as a person reads it before it runs.
    pub(crate) fn describe(&self, recipe: &Recipe, name: &str, out: &Path) -> String {
        let mut text = format!("recipe {name}: {}\n", recipe.about);
        let _ = writeln!(
            text,
            "{} from {:?} weights, {}×{} input; everything goes to {}\n",
            recipe.model.backbone,
            recipe.model.init,
            recipe.data.size,
            recipe.data.size,
            paths::shown(out)
        );
        for (index, step) in self.steps.iter().enumerate() {
            let state = if step.is_done { "done" } else { "to do" };
            let _ = writeln!(text, "{:>3}. {:<60} {state}", index + 1, step.title());
        }
        text.trim_end().to_owned()
    }

    /// Records how long a step took.
    pub(crate) fn finish(&mut self, index: usize, took: Duration) {
        self.steps[index].took = Some(took);
    }

    /// Time for the steps from `index` on, at the rate of the training done in this invocation;
    /// `None` before there is a rate.
    pub(crate) fn time_left(&self, index: usize) -> Option<Duration> {
        let (mut seconds, mut work) = (0.0, 0.0);
        for step in self.steps[..index]
            .iter()
            .filter(|step| !step.is_done && step.work > 0.0)
        {
            seconds += step.took?.as_secs_f64();
            work += step.work;
        }
        let left: f64 = self.steps[index..]
            .iter()
            .filter(|step| !step.is_done)
            .map(|step| step.work)
            .sum();
        (work > 0.0).then(|| Duration::from_secs((seconds / work * left) as u64))
    }
}

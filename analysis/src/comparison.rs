//! Guided runs beside their baselines: one [`Setting`] for each data set, backbone, task, attribution
//! and layer, one [`Row`] for each run, one [`Block`] for all test images and for each part of them.
//! Tables, figures and the report are views of this.

use std::collections::{BTreeMap, BTreeSet};

use crate::configuration::Layer;
use crate::intervals::{self, Interval};
use crate::load::{CONVENTIONAL, Metric, Part, Results, Subject, TEST};
use crate::names::{self, Measure};
use crate::run::{self, Run};
use crate::select::{self, Rule, Selection};

/// Maps of one method at one layer of one backbone on one data set.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Data set.
    pub dataset: String,
    /// Backbone.
    pub backbone: String,
    /// `conventional` or `reversed`: the task scored.
    pub task: String,
    /// Attribution method of the maps scored.
    pub attribution: String,
    /// Layer of the maps scored.
    pub layer: String,
    /// Groups of test images that were scored, with their names.
    pub groups: Vec<(i32, String)>,
    /// Baselines, then guided runs.
    pub rows: Vec<Row>,
}

/// One run and its scored checkpoints.
#[derive(Debug, Clone)]
pub struct Row {
    /// The run.
    pub run: Run,
    /// What it is called here.
    pub label: String,
    /// The checkpoint selected on validation.
    pub selection: Selection,
    /// Run id of the baseline it is compared with.
    pub baseline: Option<String>,
    /// Every scored checkpoint, by epoch.
    pub checkpoints: Vec<Checkpoint>,
}

/// One scored checkpoint of a run.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Its epoch.
    pub epoch: i32,
    /// All test images, and each part of them that was scored.
    pub blocks: BTreeMap<Part, Block>,
}

impl Checkpoint {
    /// The cell of the metric of that spelling over `part`.
    pub fn metric(&self, part: Part, spelling: &str) -> Option<&Cell> {
        self.blocks.get(&part)?.get(spelling)
    }
}

/// The metrics of one checkpoint over one set of images, by spelling.
pub type Block = BTreeMap<String, Cell>;

/// One metric, its interval, and its difference to the baseline. Fractions in [0, 1].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// The value; `None` where undefined.
    pub value: Option<f64>,
    /// Pairs or images it is over.
    pub n: i64,
    /// Threshold on the scaled map, for IoU.
    pub threshold: Option<f64>,
    /// 95 % bootstrap interval.
    pub interval: Option<Interval>,
    /// Value minus the baseline's.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, from paired replicates.
    pub difference_interval: Option<Interval>,
}

impl Row {
    /// The cell of `measure` over `part`.
    pub fn cell(&self, part: Part, measure: Measure) -> Option<&Cell> {
        self.metric(part, measure.spelling())
    }

    /// The cell of the metric of that spelling over `part`.
    pub fn metric(&self, part: Part, spelling: &str) -> Option<&Cell> {
        self.selected()?.metric(part, spelling)
    }

    /// Whether its selected checkpoint was scored over `part`.
    pub fn has(&self, part: Part) -> bool {
        self.selected()
            .is_some_and(|checkpoint| checkpoint.blocks.contains_key(&part))
    }

    /// The selected checkpoint; it is among the scored ones, because only those can be selected.
    pub fn selected(&self) -> Option<&Checkpoint> {
        let is_selected = |checkpoint: &&Checkpoint| checkpoint.epoch == self.selection.epoch;
        self.checkpoints.iter().find(is_selected)
    }
}

impl Setting {
    /// e.g. `Scenes · resnet18 · IxG at Final`.
    pub fn title(&self) -> String {
        format!("{} · {}", self.model(), self.maps())
    }

    /// e.g. `Scenes · resnet18`, and the task where it is the reversed one.
    pub fn model(&self) -> String {
        let mut parts = vec![names::dataset(&self.dataset), &self.backbone];
        if self.task != CONVENTIONAL {
            parts.push("reversed task");
        }
        parts.join(" · ")
    }

    /// Attribution method and layer of the maps.
    pub fn method(&self) -> (&str, &str) {
        (&self.attribution, &self.layer)
    }

    /// Whether the maps are at an end of the network, where the paper looks.
    pub fn is_at_end(&self) -> bool {
        ["input", "final"].contains(&self.layer.as_str())
    }

    /// Whether `run` was guided (a baseline: validated) through these maps.
    pub fn is_guided_here(&self, run: &Run) -> bool {
        (run.attribution.as_str(), run.layer.as_str()) == self.method()
    }

    /// What the maps of `run` at `epoch` over `part` of the test split are called in the tables.
    pub fn subject(&self, run: &Run, epoch: i32, part: Part) -> Subject {
        Subject {
            run_id: run.run_id.clone(),
            checkpoint: epoch,
            split: TEST.to_owned(),
            task: self.task.clone(),
            attribution: self.attribution.clone(),
            layer: self.layer.clone(),
            part,
        }
    }

    /// e.g. `IxG at Final`.
    pub fn maps(&self) -> String {
        format!(
            "{} at {}",
            names::attribution(&self.attribution),
            names::layer(&self.layer)
        )
    }

    /// The first baseline.
    pub fn baseline(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.run.is_baseline())
    }

    /// The rows of guided runs.
    pub fn guided(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.run.is_baseline())
    }
}

/// Those of `settings` at the ends of the network, or all where there is none.
pub fn at_ends<'a>(settings: &[&'a Setting]) -> Vec<&'a Setting> {
    let is_at_end = |setting: &&Setting| setting.is_at_end();
    match settings.iter().any(|setting| setting.is_at_end()) {
        true => settings.iter().copied().filter(is_at_end).collect(),
        false => settings.to_vec(),
    }
}

/// Of `rows`, the one validation would have us use: the highest validation EPG of those that kept
/// validation F1 within the tolerance, else the highest validation F1.
pub fn preferred<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<&'a Row> {
    let key = |row: &Row| match row.selection.rule {
        Rule::HighestEpg => (1, row.selection.val_epg),
        Rule::Baseline | Rule::HighestF1 => (0, row.selection.val_f1),
    };
    rows.max_by(|a, b| {
        let ((a_kept, a_value), (b_kept, b_value)) = (key(a), key(b));
        a_kept.cmp(&b_kept).then(select::order(a_value, b_value))
    })
}

/// The settings of all runs in `results`, and a note for every run that could not be placed.
pub fn settings(results: &Results) -> (Vec<Setting>, Vec<String>) {
    let mut keys = BTreeSet::new();
    for subject in results
        .metrics
        .keys()
        .filter(|subject| subject.split == TEST)
    {
        if let Some(run) = results.run(&subject.run_id) {
            keys.insert((
                run.dataset.clone(),
                run.backbone.clone(),
                subject.task.clone(),
                Layer::of(&subject.layer),
                subject.attribution.clone(),
            ));
        }
    }
    let mut keys = Vec::from_iter(keys);
    keys.sort_by(|a, b| {
        let place = |backbone| names::backbone_order(backbone);
        (&a.0, place(&a.1)).cmp(&(&b.0, place(&b.1)))
    });
    let mut notes = Vec::new();
    let settings = keys
        .into_iter()
        .map(|(dataset, backbone, task, layer, attribution)| {
            let empty = Setting {
                dataset,
                backbone,
                task,
                attribution,
                layer: layer.spelling().to_owned(),
                groups: Vec::new(),
                rows: Vec::new(),
            };
            fill(results, empty, &mut notes)
        })
        .filter(|setting| !setting.rows.is_empty())
        .collect();
    (settings, notes)
}

fn fill(results: &Results, mut setting: Setting, notes: &mut Vec<String>) -> Setting {
    let placed: Vec<(&Run, Selection)> = results
        .runs
        .iter()
        .filter(|run| run.dataset == setting.dataset && run.backbone == setting.backbone)
        .filter_map(|run| select_for(results, &setting, run, notes).map(|chosen| (run, chosen)))
        .collect();
    let runs: Vec<&Run> = placed.iter().map(|(run, _)| *run).collect();
    let labels = run::labels(&runs, &setting.attribution, &setting.layer);
    let mut groups = BTreeSet::new();
    for ((run, selection), label) in placed.iter().zip(labels) {
        let baseline = baseline_of(run, &placed);
        let evaluated = results.evaluated(&run.run_id, &setting.task, setting.method());
        let checkpoint = |epoch| Checkpoint {
            epoch,
            blocks: blocks(results, &setting, (run, epoch), baseline),
        };
        let checkpoints: Vec<Checkpoint> = evaluated.into_iter().map(checkpoint).collect();
        let parts = checkpoints
            .iter()
            .flat_map(|checkpoint| checkpoint.blocks.keys());
        groups.extend(parts.filter_map(|part| match part {
            Part::Group(group) => Some(*group),
            _ => None,
        }));
        setting.rows.push(Row {
            run: (*run).clone(),
            label,
            selection: *selection,
            baseline: baseline.map(|(run, _)| run.run_id.clone()),
            checkpoints,
        });
    }
    let name = |group| (group, results.group_name(&setting.dataset, group));
    setting.groups = groups.into_iter().map(name).collect();
    setting
}

fn select_for(
    results: &Results,
    setting: &Setting,
    run: &Run,
    notes: &mut Vec<String>,
) -> Option<Selection> {
    let evaluated = results.evaluated(&run.run_id, &setting.task, setting.method());
    if evaluated.is_empty() {
        return None;
    }
    let epochs = results.epochs(&run.run_id);
    let selection = if run.is_baseline() {
        select::baseline(epochs, &evaluated)
    } else {
        let baseline = run
            .baseline_run_id
            .as_deref()
            .or_else(|| only_baseline(results, run));
        let floor = baseline.and_then(|id| select::best_f1(results.epochs(id)));
        select::guided(epochs, &evaluated, floor)
    };
    if selection.is_none() {
        notes.push(format!(
            "run {} ({}): none of its Pareto checkpoints was evaluated through {}, left out",
            run.name,
            run.run_id,
            setting.maps()
        ));
    }
    selection
}

/// A run that starts from weights names no baseline: then it is the one of its data set, backbone,
/// task and seed, or the only one there is.
fn only_baseline<'a>(results: &'a Results, run: &Run) -> Option<&'a str> {
    let candidates = results
        .runs
        .iter()
        .filter(|other| is_baseline_for(other, run));
    only(candidates, run).map(|baseline| baseline.run_id.as_str())
}

fn is_baseline_for(other: &Run, run: &Run) -> bool {
    let key = |run: &Run| (run.dataset.clone(), run.backbone.clone());
    other.is_baseline() && key(other) == key(run)
}

fn only<'a>(candidates: impl Iterator<Item = &'a Run>, run: &Run) -> Option<&'a Run> {
    let all: Vec<&Run> = candidates.collect();
    let of = |suits: &dyn Fn(&Run) -> bool| match all
        .iter()
        .copied()
        .filter(|run| suits(run))
        .collect::<Vec<_>>()[..]
    {
        [one] => Some(one),
        _ => None,
    };
    of(&|_| true)
        .or_else(|| of(&|other| other.seed == run.seed))
        .or_else(|| of(&|other| other.seed == run.seed && other.task == run.task))
}

fn baseline_of<'a>(run: &Run, placed: &[(&'a Run, Selection)]) -> Option<(&'a Run, Selection)> {
    if run.is_baseline() {
        return None;
    }
    let baselines = || {
        placed
            .iter()
            .map(|(other, _)| *other)
            .filter(|other| is_baseline_for(other, run))
    };
    let found = match &run.baseline_run_id {
        Some(id) => baselines().find(|other| other.run_id == *id),
        None => only(baselines(), run),
    }?;
    placed
        .iter()
        .find(|(other, _)| other.run_id == found.run_id)
        .copied()
}

fn blocks(
    results: &Results,
    setting: &Setting,
    (run, epoch): (&Run, i32),
    baseline: Option<(&Run, Selection)>,
) -> BTreeMap<Part, Block> {
    let whole = setting.subject(run, epoch, Part::All);
    let parts = results
        .metrics
        .range(whole.clone()..)
        .map(|(subject, _)| subject);
    let parts = parts.take_while(|subject| {
        Subject {
            part: Part::All,
            ..(*subject).clone()
        } == whole
    });
    parts
        .map(|subject| {
            // Replicates are paired only when both runs saw the same images.
            let baseline = baseline
                .filter(|(other, _)| other.data_inputs == run.data_inputs)
                .map(|(other, chosen)| setting.subject(other, chosen.epoch, subject.part));
            (subject.part, block(results, subject, baseline.as_ref()))
        })
        .collect()
}

fn block(results: &Results, subject: &Subject, baseline: Option<&Subject>) -> Block {
    let reported = |subject: &Subject| {
        let metrics = results.metrics.get(subject).map_or(&[][..], Vec::as_slice);
        metrics
            .iter()
            .filter(|metric| is_reported(metric, metrics))
            .cloned()
            .collect::<Vec<_>>()
    };
    let theirs = baseline.map(reported).unwrap_or_default();
    reported(subject)
        .into_iter()
        .map(|metric| {
            let replicates = |subject: &Subject| {
                let measure = Measure::ALL
                    .into_iter()
                    .find(|m| m.spelling() == metric.metric)?;
                results.replicates.get(subject)?.get(&measure)
            };
            // Comparable only over as many images or pairs, and at the same threshold unless validation
            // chose each run's own.
            let is_tuned = metric.metric == Measure::IouTuned.spelling();
            let key = |m: &Metric| (m.metric.clone(), m.n, m.threshold.filter(|_| !is_tuned));
            let other = theirs.iter().find(|other| key(other) == key(&metric));
            let own = replicates(subject);
            let paired = other.and(baseline).and_then(replicates);
            let cell = Cell {
                value: metric.value,
                n: metric.n,
                threshold: metric.threshold,
                interval: own.and_then(intervals::interval),
                difference: other.and_then(|other| Some(metric.value? - other.value?)),
                difference_interval: own.zip(paired).and_then(|(a, b)| intervals::paired(a, b)),
            };
            (metric.metric, cell)
        })
        .collect()
}

/// A metric at several thresholds is a sweep, for those who ask `metrics.parquet`.
fn is_reported(metric: &Metric, all: &[Metric]) -> bool {
    all.iter()
        .filter(|other| other.metric == metric.metric)
        .count()
        == 1
}

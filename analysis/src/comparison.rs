//! Guided runs beside their baselines: one [`Setting`] for each data set, backbone, attribution and
//! layer, one [`Row`] for each run, one [`Block`] for all test images and for each group of them.
//! Tables, figures and the report are views of this.

use std::collections::{BTreeMap, BTreeSet};

use crate::intervals::{self, Interval};
use crate::load::{Metric, Results, Subject, TEST};
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
    /// Attribution method of the maps scored.
    pub attribution: String,
    /// Layer of the maps scored.
    pub layer: String,
    /// Groups of test images that were scored, with their names.
    pub groups: Vec<(i32, String)>,
    /// Baselines, then guided runs.
    pub rows: Vec<Row>,
}

/// One run, through the checkpoint selected on validation.
#[derive(Debug, Clone)]
pub struct Row {
    /// The run.
    pub run: Run,
    /// What it is called here.
    pub label: String,
    /// Its checkpoint.
    pub selection: Selection,
    /// Run id of the baseline it is compared with.
    pub baseline: Option<String>,
    /// All test images (`None`), and each group.
    pub blocks: BTreeMap<Option<i32>, Block>,
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
    /// The cell of `measure` in the block of `group`.
    pub fn cell(&self, group: Option<i32>, measure: Measure) -> Option<&Cell> {
        self.blocks.get(&group)?.get(measure.spelling())
    }
}

impl Setting {
    /// e.g. `Scenes · resnet18 · IxG at Final`.
    pub fn title(&self) -> String {
        format!(
            "{} · {} · {}",
            names::dataset(&self.dataset),
            self.backbone,
            self.maps()
        )
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
                names::layer_order(&subject.layer),
                subject.layer.clone(),
                subject.attribution.clone(),
            ));
        }
    }
    let mut notes = Vec::new();
    let settings = keys
        .into_iter()
        .map(|(dataset, backbone, _, layer, attribution)| {
            let empty = Setting {
                dataset,
                backbone,
                attribution,
                layer,
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
        let blocks = blocks(results, &setting, (run, *selection), baseline);
        groups.extend(blocks.keys().flatten().copied());
        setting.rows.push(Row {
            run: (*run).clone(),
            label,
            selection: *selection,
            baseline: baseline.map(|(run, _)| run.run_id.clone()),
            blocks,
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
    let evaluated = results.evaluated(&run.run_id, &setting.attribution, &setting.layer);
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

/// A foreign run may not name its baseline: then it is the one of its data set and backbone.
fn only_baseline<'a>(results: &'a Results, run: &Run) -> Option<&'a str> {
    let mut baselines = results
        .runs
        .iter()
        .filter(|other| is_baseline_for(other, run));
    let first = baselines.next()?;
    baselines.next().is_none().then_some(first.run_id.as_str())
}

fn is_baseline_for(other: &Run, run: &Run) -> bool {
    other.is_baseline() && other.dataset == run.dataset && other.backbone == run.backbone
}

fn baseline_of<'a>(run: &Run, placed: &[(&'a Run, Selection)]) -> Option<(&'a Run, Selection)> {
    if run.is_baseline() {
        return None;
    }
    let mut baselines = placed
        .iter()
        .filter(|(other, _)| is_baseline_for(other, run));
    match &run.baseline_run_id {
        Some(id) => baselines.find(|(other, _)| other.run_id == *id).copied(),
        None => {
            let first = baselines.next()?;
            baselines.next().is_none().then_some(*first)
        }
    }
}

fn blocks(
    results: &Results,
    setting: &Setting,
    (run, selection): (&Run, Selection),
    baseline: Option<(&Run, Selection)>,
) -> BTreeMap<Option<i32>, Block> {
    let of = |run: &Run, selection: Selection, group| Subject {
        run_id: run.run_id.clone(),
        checkpoint: selection.epoch,
        split: TEST.to_owned(),
        attribution: setting.attribution.clone(),
        layer: setting.layer.clone(),
        group,
    };
    let whole = of(run, selection, None);
    let groups = results.metrics.keys().filter(|subject| {
        Subject {
            group: None,
            ..(*subject).clone()
        } == whole
    });
    groups
        .map(|subject| {
            // Replicates are paired only when both runs saw the same images.
            let baseline = baseline
                .filter(|(other, _)| other.data_inputs == run.data_inputs)
                .map(|(other, chosen)| of(other, chosen, subject.group));
            (subject.group, block(results, subject, baseline.as_ref()))
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
            // Comparable only over as many images or pairs and at the same threshold.
            let key = |m: &Metric| (m.metric.clone(), m.n, m.threshold);
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

/// One scored Pareto checkpoint, for the figure.
#[derive(Debug, Clone)]
pub struct Point {
    /// Its row in the setting.
    pub row: usize,
    /// Its epoch.
    pub epoch: i32,
    /// Whether it is the one the table reports.
    pub is_selected: bool,
    /// Test F1.
    pub f1: Cell,
    /// Test EPG.
    pub epg: Cell,
}

/// Every scored Pareto checkpoint of the setting's runs over `group`.
pub fn points(results: &Results, setting: &Setting, group: Option<i32>) -> Vec<Point> {
    let mut points = Vec::new();
    for (row_index, row) in setting.rows.iter().enumerate() {
        for epoch in results
            .epochs(&row.run.run_id)
            .iter()
            .filter(|epoch| epoch.is_pareto)
        {
            let subject = Subject {
                run_id: row.run.run_id.clone(),
                checkpoint: epoch.epoch,
                split: TEST.to_owned(),
                attribution: setting.attribution.clone(),
                layer: setting.layer.clone(),
                group,
            };
            let mut cells = block(results, &subject, None);
            let (f1, epg) = (cells.remove("f1"), cells.remove("epg"));
            let (Some(f1), Some(epg)) = (f1, epg) else {
                continue;
            };
            if f1.value.is_some() && epg.value.is_some() {
                points.push(Point {
                    row: row_index,
                    epoch: epoch.epoch,
                    is_selected: epoch.epoch == row.selection.epoch,
                    f1,
                    epg,
                });
            }
        }
    }
    points
}

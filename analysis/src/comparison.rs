//! Guided runs beside their baselines: one [`Setting`] for each data folder, backbone, task, attribution,
//! layer and precision of the maps, and way of training; one [`Row`] for each run, one [`Block`] for all
//! test images and for each part of them. Tables, figures and the report are views of this. So what
//! stands in one setting differs in what the paper compares alone, and settings that would look alike
//! say in what they differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::configuration::Layer;
use crate::intervals::{self, Interval};
use crate::load::{CONVENTIONAL, Metric, Part, Results, Subject, TEST};
use crate::names::{self, Measure};
use crate::run::{self, Run};
use crate::select::{self, Rule, Selection};
use crate::training::{self, Training};

/// Maps of one method at one layer of one backbone on one data folder, of runs trained alike.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Data set.
    pub dataset: String,
    /// Provenance hash of its folder.
    pub data: String,
    /// Backbone.
    pub backbone: String,
    /// `conventional` or `reversed`: the task scored.
    pub task: String,
    /// Attribution method of the maps scored.
    pub attribution: String,
    /// Layer of the maps scored.
    pub layer: String,
    /// In which numbers the maps scored were computed, where they said it.
    pub precision: Option<String>,
    /// The task that the guided runs were trained for.
    pub trained_task: String,
    /// How the guided runs were trained; where there is none, the baselines.
    pub training: Training,
    /// Words that tell it from settings which are otherwise called the same.
    pub apart: Vec<String>,
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
    /// How many pairs of all test images count as 0, by reason ([`names::COUNTS`]).
    pub counts: Vec<Metric>,
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
            precision: self.precision.clone(),
            part,
        }
    }

    /// e.g. `IxG at Final`, and what tells it apart: `IxG at Final, 50 epochs`.
    pub fn maps(&self) -> String {
        self.with_apart(format!(
            "{} at {}",
            names::attribution(&self.attribution),
            names::layer(&self.layer)
        ))
    }

    /// `name`, and what tells the setting from others of that name.
    pub fn with_apart(&self, name: String) -> String {
        let parts: Vec<String> = std::iter::once(name)
            .chain(self.apart.iter().cloned())
            .collect();
        parts.join(", ")
    }

    /// What it shares with the settings that are called the same but for what tells them apart.
    fn name(&self) -> [&str; 5] {
        [
            &self.dataset,
            &self.backbone,
            &self.task,
            &self.attribution,
            &self.layer,
        ]
    }

    /// The first baseline.
    pub fn baseline(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.run.is_baseline())
    }

    /// The baseline that `row` is compared with.
    pub fn baseline_of(&self, row: &Row) -> Option<&Row> {
        let id = row.baseline.as_ref()?;
        self.rows.iter().find(|other| other.run.run_id == *id)
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

/// The settings of all runs in `results`, and a note for every run that could not be placed or compared.
pub fn settings(results: &Results) -> (Vec<Setting>, Vec<String>) {
    let mut notes = Vec::new();
    let mut keys: BTreeSet<Key> = BTreeSet::new();
    for run in &results.runs {
        let tested = || results.scored(&run.run_id).filter(|s| s.split == TEST);
        let named = || format!("run {} ({})", run.name, run.run_id);
        if tested().next().is_none() {
            notes.push(format!("{}: not scored on the test split", named()));
            continue;
        }
        match training::baseline(run, &results.runs) {
            _ if run.is_baseline() => {}
            Err(why) => {
                notes.push(format!("{}: {why}, so it is compared with none", named()));
            }
            // Named, or found: then what differs is said.
            Ok(_) if run.baseline_run_id.is_some() => {}
            Ok(baseline) => {
                let [own, theirs] = [run, baseline].map(|run| Training::of(run, &results.runs));
                let words = training::differences(&[&own, &theirs]);
                if !words[0].is_empty() {
                    notes.push(format!(
                        "{}: it names no baseline and is compared with {}, which differs from it: {} \
                         against {}",
                        named(),
                        baseline.run_id,
                        words[1].join(", "),
                        words[0].join(", ")
                    ));
                }
            }
        }
        keys.extend(tested().map(|subject| Key::of(run, subject)));
    }
    let mut keys = Vec::from_iter(keys);
    keys.sort_by(|a, b| {
        let place = names::backbone_order;
        (&a.dataset, place(&a.backbone)).cmp(&(&b.dataset, place(&b.backbone)))
    });
    let mut settings: Vec<Setting> = keys
        .iter()
        .flat_map(|key| of_key(results, key, &mut notes))
        .collect();
    tell_apart(&mut settings);
    (settings, notes)
}

/// What is scored alike: all of a setting but how its runs were trained.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    dataset: String,
    backbone: String,
    task: String,
    layer: Layer,
    attribution: String,
    data: String,
    precision: Option<String>,
}

impl Key {
    fn of(run: &Run, subject: &Subject) -> Self {
        Self {
            dataset: run.dataset.clone(),
            backbone: run.backbone.clone(),
            task: subject.task.clone(),
            layer: Layer::of(&subject.layer),
            attribution: subject.attribution.clone(),
            data: run.data_inputs.clone(),
            precision: subject.precision.clone(),
        }
    }
}

/// A run, its checkpoint that validation chose, and how it was trained.
type Placed<'a> = (&'a Run, Selection, Training);

/// The settings of `key`: one for each way that guided runs were trained, with the baselines of that way;
/// and one for each way of baselines that belong to none of them.
fn of_key(results: &Results, key: &Key, notes: &mut Vec<String>) -> Vec<Setting> {
    let mut placed: Vec<Placed> = Vec::new();
    for run in &results.runs {
        let scored = || results.scored(&run.run_id).filter(|s| s.split == TEST);
        let evaluated: BTreeSet<i32> = scored()
            .filter(|subject| Key::of(run, subject) == *key)
            .map(|subject| subject.checkpoint)
            .collect();
        if evaluated.is_empty() {
            continue;
        }
        match select_for(results, run, &evaluated) {
            Some(selection) => {
                placed.push((run, selection, Training::of(run, &results.runs)));
            }
            None => notes.push(format!(
                "run {} ({}): none of its Pareto checkpoints was evaluated through {} at {}, left out",
                run.name,
                run.run_id,
                names::attribution(&key.attribution),
                key.layer
            )),
        }
    }
    let is_guided = |(run, ..): &&Placed| !run.is_baseline();
    let ways: BTreeSet<(Training, String)> = placed
        .iter()
        .filter(is_guided)
        .map(|(run, _, training)| (training.clone(), run.task.clone()))
        .collect();
    // Baselines belong where they are compared, and those of other seeds that were trained as they were.
    let mut homeless: Vec<bool> = vec![true; placed.len()];
    let mut settings: Vec<Setting> = Vec::new();
    for (training, task) in &ways {
        let is_way =
            |(run, _, own): &&Placed| !run.is_baseline() && (own, &run.task) == (training, task);
        let named: BTreeSet<&Training> = placed
            .iter()
            .filter(is_way)
            .filter_map(|(run, ..)| training::baseline(run, &results.runs).ok())
            .filter_map(|baseline| {
                let mut all = placed.iter();
                let (_, _, own) = all.find(|(run, ..)| run.run_id == baseline.run_id)?;
                Some(own)
            })
            .collect();
        let mut rows: Vec<&Placed> = Vec::new();
        for (row, homeless) in placed.iter().zip(&mut homeless) {
            let (run, _, own) = row;
            let belongs = match run.is_baseline() {
                true => named.contains(own) || own.is_baseline_of(training),
                false => is_way(&row),
            };
            if belongs {
                rows.push(row);
                *homeless = false;
            }
        }
        settings.push(fill(results, key, (training, task), &rows, notes));
    }
    let alone = placed.iter().zip(&homeless);
    let alone: Vec<&Placed> = alone
        .filter(|(_, homeless)| **homeless)
        .map(|(row, _)| row)
        .collect();
    let ways: BTreeSet<&Training> = alone.iter().map(|(.., training)| training).collect();
    for way in ways {
        let rows: Vec<&Placed> = alone
            .iter()
            .copied()
            .filter(|(.., own)| own == way)
            .collect();
        settings.push(fill(results, key, (way, &key.task), &rows, notes));
    }
    settings
}

fn fill(
    results: &Results,
    key: &Key,
    (training, trained_task): (&Training, &str),
    placed: &[&Placed],
    notes: &mut Vec<String>,
) -> Setting {
    let mut setting = Setting {
        dataset: key.dataset.clone(),
        data: key.data.clone(),
        backbone: key.backbone.clone(),
        task: key.task.clone(),
        attribution: key.attribution.clone(),
        layer: key.layer.spelling().to_owned(),
        precision: key.precision.clone(),
        trained_task: trained_task.to_owned(),
        training: training.clone(),
        apart: Vec::new(),
        groups: Vec::new(),
        rows: Vec::new(),
    };
    let runs: Vec<&Run> = placed.iter().map(|(run, ..)| *run).collect();
    let labels = run::labels(&runs, &setting.attribution, &setting.layer);
    let mut groups = BTreeSet::new();
    let mut unscored: BTreeMap<&str, usize> = BTreeMap::new();
    for ((run, selection, _), label) in placed.iter().zip(labels) {
        let named = match run.is_baseline() {
            true => None,
            false => training::baseline(run, &results.runs).ok(),
        };
        let is_named = |(other, ..): &&&Placed| named.is_some_and(|b| b.run_id == other.run_id);
        let baseline = placed
            .iter()
            .find(is_named)
            .map(|(run, chosen, _)| (*run, *chosen));
        if let (Some(named), None) = (named, baseline) {
            *unscored.entry(&named.run_id).or_default() += 1;
        }
        let evaluated: BTreeSet<i32> = results
            .scored(&run.run_id)
            .filter(|subject| subject.split == TEST && Key::of(run, subject) == *key)
            .map(|subject| subject.checkpoint)
            .collect();
        let checkpoint = |epoch| Checkpoint {
            epoch,
            blocks: blocks(results, &setting, (run, epoch), baseline),
            counts: counts(results, &setting.subject(run, epoch, Part::All)),
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
    for (baseline, n) in unscored {
        let precision = key
            .precision
            .as_deref()
            .map(|precision| format!(" in {precision}"));
        notes.push(format!(
            "baseline {baseline}: not scored through the same maps ({}{}, {} task) as {n} of its guided \
             runs, which are compared with none there",
            setting.maps(),
            precision.unwrap_or_default(),
            key.task
        ));
    }
    let name = |group| (group, results.group_name(&setting.data, group));
    setting.groups = groups.into_iter().map(name).collect();
    setting
}

/// Gives settings that are called the same the words that tell them apart.
fn tell_apart(settings: &mut [Setting]) {
    let mut told: Vec<Vec<String>> = Vec::new();
    for setting in settings.iter() {
        let alike: Vec<&Setting> = settings
            .iter()
            .filter(|other| other.name() == setting.name())
            .collect();
        let own = alike.iter().position(|other| std::ptr::eq(*other, setting));
        let trainings: Vec<&Training> = alike.iter().map(|other| &other.training).collect();
        let mut words = training::differences(&trainings).swap_remove(own.unwrap_or(0));
        if setting.trained_task != setting.task {
            words.push(format!("trained for the {} task", setting.trained_task));
        }
        let is_own = |row: &Row| Some(&row.run.precision) == setting.precision.as_ref();
        let differ = alike
            .iter()
            .any(|other| other.precision != setting.precision);
        match &setting.precision {
            Some(precision) if differ || !setting.rows.iter().all(is_own) => {
                words.push(format!("maps in {precision}"));
            }
            None if differ => words.push("maps of unknown precision".to_owned()),
            _ => {}
        }
        told.push(words);
    }
    for (setting, words) in settings.iter_mut().zip(told) {
        setting.apart = words;
    }
}

fn select_for(results: &Results, run: &Run, evaluated: &BTreeSet<i32>) -> Option<Selection> {
    let epochs = results.epochs(&run.run_id);
    if run.is_baseline() {
        return select::baseline(epochs, evaluated);
    }
    let baseline = training::baseline(run, &results.runs).ok();
    let floor = baseline.and_then(|baseline| select::best_f1(results.epochs(&baseline.run_id)));
    select::guided(epochs, evaluated, floor)
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
            let baseline =
                baseline.map(|(other, chosen)| setting.subject(other, chosen.epoch, subject.part));
            (subject.part, block(results, subject, baseline.as_ref()))
        })
        .collect()
}

fn counts(results: &Results, subject: &Subject) -> Vec<Metric> {
    let metrics = results.metrics.get(subject).into_iter().flatten();
    let counts = metrics.filter(|metric| names::is_count(&metric.metric));
    counts.cloned().collect()
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

/// A metric at several thresholds is a sweep, for those who ask `metrics.parquet`; numbers of pairs are
/// told in words.
fn is_reported(metric: &Metric, all: &[Metric]) -> bool {
    if names::is_count(&metric.metric) {
        return false;
    }
    all.iter()
        .filter(|other| other.metric == metric.metric)
        .count()
        == 1
}

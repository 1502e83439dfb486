//! Puts every scored run into its settings ([`Setting`]: runs that are trained and scored alike, so that they
//! differ only in what the paper compares). A run is one training: guided by a localization loss, or a baseline
//! without it. This file decides which runs belong together, which baseline a guided run is compared with, which
//! checkpoint is reported for a run, and which words distinguish settings of the same name.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::configuration::Layer;
use crate::model::intervals;
use crate::model::measure;
use crate::model::names;
use crate::model::results::Results;
use crate::model::run::{self, Run};
use crate::model::select::{self, Selection};
use crate::model::setting::{Block, Cell, Checkpoint, Row, Setting};
use crate::model::subject::{Metric, Part, Subject, TEST};
use crate::model::training::{self, Training};

/// Returns the settings of all runs in `results`, and notes: on each run that has no setting, on each guided
/// run without a baseline, and on each whose baseline was found by likeness and differs from it.
pub fn settings(results: &Results) -> (Vec<Setting>, Vec<String>) {
    let mut notes = Vec::new();
    let mut keys: BTreeSet<Key> = BTreeSet::new();
    for run in &results.runs {
        // What the run was scored on: `Subject`s of the test split.
        let tested = || results.scored(&run.run_id).filter(|s| s.split == TEST);
        let named = || format!("run {} ({})", run.name, run.run_id);
        if tested().next().is_none() {
            notes.push(format!("{}: not scored on the test split", named()));
            continue;
        }
        match training::baseline(run, &results.runs) {
            // A baseline needs none.
            _ if run.is_baseline() => {}
            Err(why) => {
                notes.push(format!("{}: {why}, so it is compared with none", named()));
            }
            // Where the run names no baseline and one was found, a note tells the differences.
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
        let order = names::backbone_order;
        (&a.dataset, order(&a.backbone)).cmp(&(&b.dataset, order(&b.backbone)))
    });
    let mut settings: Vec<Setting> = keys
        .iter()
        .flat_map(|key| of_key(results, key, &mut notes))
        .collect();
    tell_apart(&mut settings);
    (settings, notes)
}

/// What identifies a setting, except how its runs were trained: settings of different trainings may have the same
/// key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    dataset: String,
    backbone: String,
    task: String,
    layer: Layer,
    attribution: String,
    /// Provenance hash of the data folder: SHA-256 of what it was made from.
    data: String,
    /// The precision that the maps were computed in, if it is known.
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

/// A run, its checkpoint chosen on validation, and how it was trained.
type Trained<'a> = (&'a Run, Selection, Training);

/// Returns the settings of `key`. Guided runs that were trained alike make one, together with their
/// baselines. Baselines that belong to none of these make settings of their own, one for each way of
/// training.
fn of_key(results: &Results, key: &Key, notes: &mut Vec<String>) -> Vec<Setting> {
    let mut trained: Vec<Trained> = Vec::new();
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
                trained.push((run, selection, Training::of(run, &results.runs)));
            }
            None => notes.push(format!(
                "run {} ({}): none of its Pareto checkpoints was evaluated through {} at {}, left out",
                run.name,
                run.run_id,
                run.title(&key.attribution),
                key.layer
            )),
        }
    }
    let is_guided = |(run, ..): &&Trained| !run.is_baseline();
    // The ways in which guided runs were trained, each with the task they were trained for.
    let ways: BTreeSet<(Training, String)> = trained
        .iter()
        .filter(is_guided)
        .map(|(run, _, training)| (training.clone(), run.task.clone()))
        .collect();
    // Whether each of `trained` is still in no setting.
    let mut homeless: Vec<bool> = vec![true; trained.len()];
    let mut settings: Vec<Setting> = Vec::new();
    for (training, task) in &ways {
        let is_way =
            |(run, _, own): &&Trained| !run.is_baseline() && (own, &run.task) == (training, task);
        // How the baselines of these guided runs were trained.
        let named: BTreeSet<&Training> = trained
            .iter()
            .filter(is_way)
            .filter_map(|(run, ..)| training::baseline(run, &results.runs).ok())
            .filter_map(|baseline| {
                let mut all = trained.iter();
                let (_, _, own) = all.find(|(run, ..)| run.run_id == baseline.run_id)?;
                Some(own)
            })
            .collect();
        let mut rows: Vec<&Trained> = Vec::new();
        for (row, homeless) in trained.iter().zip(&mut homeless) {
            let (run, _, own) = row;
            // A baseline belongs to a setting where guided runs are compared with it, or with one of another
            // seed that was trained alike.
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
    let alone = trained.iter().zip(&homeless);
    let alone: Vec<&Trained> = alone
        .filter(|(_, homeless)| **homeless)
        .map(|(row, _)| row)
        .collect();
    let ways: BTreeSet<&Training> = alone.iter().map(|(.., training)| training).collect();
    for way in ways {
        let rows: Vec<&Trained> = alone
            .iter()
            .copied()
            .filter(|(.., own)| own == way)
            .collect();
        settings.push(fill(results, key, (way, &key.task), &rows, notes));
    }
    settings
}

/// Makes one setting of the runs `trained`, all of that `key`: labels them, and attaches to each run its baseline
/// and the metrics of its scored checkpoints. The guided ones (or all, if there are none) have that training and
/// were trained for `trained_task`.
fn fill(
    results: &Results,
    key: &Key,
    (training, trained_task): (&Training, &str),
    trained: &[&Trained],
    notes: &mut Vec<String>,
) -> Setting {
    let mut setting = Setting {
        dataset: key.dataset.clone(),
        data: key.data.clone(),
        backbone: key.backbone.clone(),
        task: key.task.clone(),
        attribution: key.attribution.clone(),
        method_title: trained[0].0.title(&key.attribution).to_owned(),
        layer: key.layer.spelling().to_owned(),
        precision: key.precision.clone(),
        trained_task: trained_task.to_owned(),
        training: training.clone(),
        apart: Vec::new(),
        groups: Vec::new(),
        rows: Vec::new(),
    };
    let runs: Vec<&Run> = trained.iter().map(|(run, ..)| *run).collect();
    let labels = run::labels(&runs, &setting.attribution, &setting.layer);
    let mut groups = BTreeSet::new();
    // Baselines without scores of this setting's maps, with the number of their guided runs here.
    let mut unscored: BTreeMap<&str, usize> = BTreeMap::new();
    for ((run, selection, _), label) in trained.iter().zip(labels) {
        let named = match run.is_baseline() {
            true => None,
            false => training::baseline(run, &results.runs).ok(),
        };
        let is_named = |(other, ..): &&&Trained| named.is_some_and(|b| b.run_id == other.run_id);
        // The baseline if it was scored here, with its chosen checkpoint.
        let baseline = trained
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

/// Writes into each setting the words that distinguish it from others of the same name: what differs in the
/// training. The task that the runs were trained for is told if it is not the scored one, and the precision of
/// the maps if settings of the name differ in it or if it is not the one that the runs were trained in.
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

/// Chooses the checkpoint of `run` that is reported, among its `evaluated` epochs; `None` if none of these is in
/// the run's Pareto set (of a baseline: has its highest validation F1).
fn select_for(results: &Results, run: &Run, evaluated: &BTreeSet<i32>) -> Option<Selection> {
    let epochs = results.epochs(&run.run_id);
    if run.is_baseline() {
        return select::baseline(epochs, evaluated);
    }
    let baseline = training::baseline(run, &results.runs).ok();
    let floor = baseline.and_then(|baseline| select::best_f1(results.epochs(&baseline.run_id)));
    select::guided(epochs, evaluated, floor)
}

/// Returns the metrics of `run` at `epoch` over all test images and over each part of them that was
/// scored. `results.metrics` is ordered by subject, and a subject's part is compared last, so the parts of one
/// checkpoint follow each other, with `Part::All` first.
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

/// Returns how many pairs (an image and a class on it) EPG counts as 0, by reason.
fn counts(results: &Results, subject: &Subject) -> Vec<Metric> {
    let metrics = results.metrics.get(subject).into_iter().flatten();
    let counts = metrics.filter(|metric| measure::is_count(&metric.metric));
    counts.cloned().collect()
}

/// Returns the metrics of `subject`, each with its interval, its difference to the same metric of
/// `baseline`, and the paired interval of the difference.
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
            let replicates = |subject: &Subject| results.resampled(subject, &metric.metric);
            // Two values are comparable if both are over the same number of images or pairs, and at the same
            // threshold. The tuned IoU is the exception: its threshold is chosen for each run by validation.
            let is_tuned = measure::is_tuned(&metric.metric);
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

/// Whether the metric becomes a cell of a setting; `all` are the metrics of the same subject. Left out are a metric
/// at several thresholds (the sweep of IoU, which is only in `metrics.parquet`) and a number of pairs, which the
/// report tells in words.
fn is_reported(metric: &Metric, all: &[Metric]) -> bool {
    if measure::is_count(&metric.metric) {
        return false;
    }
    all.iter()
        .filter(|other| other.metric == metric.metric)
        .count()
        == 1
}

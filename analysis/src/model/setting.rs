//! Defines [`Setting`]: runs that can be compared with each other, because they are trained and scored
//! alike. Its guided runs and baselines have the same data folder, backbone, task, attribution method,
//! layer, precision of the maps, and training. A [`Row`] is one run in it; a [`Block`] has the metrics of
//! a checkpoint over all test images or a part of them. Tables, figures and the report show these.
//! [`crate::model::comparison`] makes them from the results.

use std::collections::BTreeMap;

use crate::model::intervals::Interval;
use crate::model::measure;
use crate::model::names;
use crate::model::run::Run;
use crate::model::select::{self, Rule, Selection};
use crate::model::subject::{CONVENTIONAL, Metric, Part, Subject, TEST};
use crate::model::training::Training;

/// Runs that are compared with each other: they differ only in what the paper compares (loss, λ, annotations, the
/// method and layer that were guided) and in the seed. λ is the weight of the localization loss.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Data set.
    pub dataset: String,
    /// Provenance hash of the data folder: SHA-256 of what it was made from.
    pub data: String,
    /// The network, e.g. `resnet50`.
    pub backbone: String,
    /// `conventional` or `reversed`: the task scored.
    pub task: String,
    /// Attribution method of the maps scored.
    pub attribution: String,
    /// The method's name for people.
    pub method_title: String,
    /// Layer of the maps scored.
    pub layer: String,
    /// The precision that the maps scored were computed in, if it is known.
    pub precision: Option<String>,
    /// The task that the guided runs were trained for.
    pub trained_task: String,
    /// The training of the guided runs, or of the baselines where there is no guided run.
    pub training: Training,
    /// Words that distinguish it from settings of the same name, e.g. `50 epochs`; empty if none has its
    /// name.
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
    /// Its label among the runs of this setting, e.g. `Energy, λ = 0.01`.
    pub label: String,
    /// The checkpoint selected on validation.
    pub selection: Selection,
    /// Run id of the baseline it is compared with; `None` for a baseline, or if there is none in this setting.
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
    /// How many pairs (an image and a class on it) of all test images EPG counts as 0, by reason
    /// ([`crate::model::measure::COUNTS`]).
    pub counts: Vec<Metric>,
}

impl Checkpoint {
    /// The cell of a metric over `part`.
    pub fn cell(&self, part: Part, metric: &str) -> Option<&Cell> {
        self.blocks.get(&part)?.get(metric)
    }
}

/// The metrics of one checkpoint over one set of images, by their name in the tables.
pub type Block = BTreeMap<String, Cell>;

/// One metric, its interval, and its difference to the baseline. Values are fractions, but for metrics that are no
/// shares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// The value; `None` where undefined.
    pub value: Option<f64>,
    /// The number of pairs or images that it is over.
    pub n: i64,
    /// Threshold on the map scaled to 0–1, for IoU; `None` for other metrics.
    pub threshold: Option<f64>,
    /// 95 % bootstrap interval over test images; `None` without replicates.
    pub interval: Option<Interval>,
    /// Value minus the baseline's; `None` without a comparable value of the baseline.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, from replicates of both runs over the same resamples (paired).
    pub difference_interval: Option<Interval>,
}

/// What two values of a metric must have in common to be compared: the number of images or pairs that they are over,
/// and the bits of the threshold, unless validation chose it.
pub type Key = (i64, Option<u64>);

impl Cell {
    /// The key of the cell of `metric`.
    pub fn key(&self, metric: &str) -> Key {
        let threshold = self.threshold.filter(|_| !measure::is_tuned(metric));
        (self.n, threshold.map(f64::to_bits))
    }
}

impl Row {
    /// The cell of a metric over `part`.
    pub fn cell(&self, part: Part, metric: &str) -> Option<&Cell> {
        self.selected()?.cell(part, metric)
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
    /// Its heading, e.g. `Scenes · resnet18 · IxG at Final`.
    pub fn title(&self) -> String {
        format!("{} · {}", self.model(), self.maps())
    }

    /// Words for data and network, e.g. `Scenes · resnet18`, and for the task if it is the reversed one.
    pub fn model(&self) -> String {
        let mut parts = vec![names::dataset(&self.dataset), &self.backbone];
        if self.task != CONVENTIONAL {
            parts.push("reversed task");
        }
        parts.join(" · ")
    }

    /// Names in the tables of the maps' attribution method and layer.
    pub fn method(&self) -> (&str, &str) {
        (&self.attribution, &self.layer)
    }

    /// Whether the maps are of the input or of the final layer, the two that the paper shows.
    pub fn is_at_end(&self) -> bool {
        ["input", "final"].contains(&self.layer.as_str())
    }

    /// Whether `run` was guided (a baseline: validated) through these maps.
    pub fn is_guided_here(&self, run: &Run) -> bool {
        (run.attribution.as_str(), run.layer.as_str()) == self.method()
    }

    /// The key in `metrics.parquet` of the maps of `run` at `epoch` over `part` of the test split.
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

    /// Words for method and layer of the maps, e.g. `IxG at Final`, or with the distinguishing words
    /// `IxG at Final, 50 epochs`. [`crate::model::evidence::Evidence::maps`] has the maps themselves.
    pub fn maps(&self) -> String {
        self.with_apart(format!(
            "{} at {}",
            self.method_title,
            names::layer(&self.layer)
        ))
    }

    /// `name` with the words that distinguish the setting from others of that name.
    pub fn with_apart(&self, name: String) -> String {
        let parts: Vec<String> = std::iter::once(name)
            .chain(self.apart.iter().cloned())
            .collect();
        parts.join(", ")
    }

    /// The fields that make its name, without the distinguishing words.
    pub(super) fn name(&self) -> [&str; 5] {
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

/// Returns those of `settings` whose maps are of the input or the final layer; if there are none, all.
pub fn at_ends<'a>(settings: &[&'a Setting]) -> Vec<&'a Setting> {
    let is_at_end = |setting: &&Setting| setting.is_at_end();
    match settings.iter().any(|setting| setting.is_at_end()) {
        true => settings.iter().copied().filter(is_at_end).collect(),
        false => settings.to_vec(),
    }
}

/// Returns the run that did best on validation: the one with the highest validation EPG among those whose selected
/// checkpoint lost at most 1 point of the baseline's validation F1; if there are none, the one with the highest
/// validation F1.
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

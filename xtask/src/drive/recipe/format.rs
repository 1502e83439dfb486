//! What a recipe says, key by key.

use serde::{Deserialize, Serialize};

/// The task of every data set.
pub(super) const CONVENTIONAL: &str = "conventional";
/// The task of Waterbirds' backgrounds.
pub(super) const REVERSED: &str = "reversed";
/// The annotation that is not dilated.
pub(super) const SEGMENTATION: &str = "segmentation";

/// One data set's runs. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// One sentence: what it shows.
    pub(super) about: String,
    /// Tables and figures of the report; absent: all that the results have data for.
    #[serde(default)]
    pub(super) show: Vec<String>,
    /// Of everything drawn at random: each run once with each.
    #[serde(default = "first_seed")]
    pub(super) seed: Vec<u64>,
    /// Of the training's arithmetic; the trainer's spelling.
    #[serde(default = "full_precision")]
    pub(super) precision: String,
    /// The images.
    pub(super) data: Data,
    /// The networks.
    pub(super) model: Vec<Model>,
    /// The unguided runs.
    pub(super) baseline: Length,
    /// The guided runs.
    pub(super) guided: Guided,
    /// How checkpoints are scored.
    #[serde(default)]
    pub(super) evaluation: Evaluation,
    /// What a cluster is asked for.
    #[serde(default)]
    pub(super) slurm: Slurm,
}

/// Other recipes as one: their runs, each once, in another size.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection {
    pub(super) about: String,
    #[serde(default)]
    pub(super) show: Vec<String>,
    /// Names of recipes in the same folder.
    pub(super) include: Vec<String>,
    #[serde(default)]
    pub(super) with: With,
    #[serde(default)]
    pub(super) evaluation: Evaluation,
    #[serde(default)]
    pub(super) slurm: Slurm,
}

/// What a collection sets in each of its recipes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct With {
    pub(super) size: Option<u32>,
    pub(super) limit: Option<Limit>,
    pub(super) init: Option<Start>,
    pub(super) epochs: Option<u32>,
    pub(super) batch_size: Option<u32>,
}

/// What the recipe's jobs ask of Slurm; flags of the command line win.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Slurm {
    /// `--partition`.
    pub(crate) partition: Option<String>,
    /// GPUs a job that needs a device asks for; 0 on a cluster of CPUs.
    pub(crate) gpus: u32,
    /// `--time`, in Slurm's spelling.
    pub(crate) time: Option<String>,
    /// Further options of sbatch, as they are.
    pub(crate) extra: Vec<String>,
}

impl Default for Slurm {
    fn default() -> Self {
        Slurm {
            partition: None,
            gpus: 1,
            time: None,
            extra: Vec::new(),
        }
    }
}

/// Which images, at which size, and what is asked of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// scenes (embedded), voc2007, coco2014 or waterbirds-100.
    pub(crate) dataset: DataSet,
    /// Height and width of the network's input.
    pub(crate) size: u32,
    /// At most so many images of a split.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// The trainer's spellings; both: the reversed baseline is the conventional one rescored.
    #[serde(default = "conventional")]
    pub(super) task: Vec<String>,
    /// What training images go through; the trainer's spelling.
    #[serde(default = "unchanged")]
    pub(super) augmentation: String,
}

/// At most so many images of a split; all where absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) train: Option<u32>,
    pub(crate) val: Option<u32>,
    pub(crate) test: Option<u32>,
}

impl Limit {
    /// Split and number, where limited.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        let named = [
            ("train", self.train),
            ("val", self.val),
            ("test", self.test),
        ];
        named
            .into_iter()
            .filter_map(|(split, limit)| Some((split, limit?)))
    }
}

/// A data set by its spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum DataSet {
    /// The embedded one.
    #[serde(rename = "scenes")]
    Scenes,
    /// PASCAL VOC 2007.
    #[serde(rename = "voc2007")]
    Voc2007,
    /// MS COCO 2014.
    #[serde(rename = "coco2014")]
    Coco2014,
    /// Waterbirds-100.
    #[serde(rename = "waterbirds-100")]
    Waterbirds,
}

impl DataSet {
    /// The one spelling.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DataSet::Scenes => "scenes",
            DataSet::Voc2007 => "voc2007",
            DataSet::Coco2014 => "coco2014",
            DataSet::Waterbirds => "waterbirds-100",
        }
    }

    /// data-prep's subcommand.
    pub(crate) fn subcommand(self) -> &'static str {
        match self {
            DataSet::Scenes => "scenes",
            DataSet::Voc2007 => "voc",
            DataSet::Coco2014 => "coco",
            DataSet::Waterbirds => "waterbirds",
        }
    }

    /// What its folder is called where a recipe needs the folders of several.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            DataSet::Voc2007 => "VOCdevkit",
            _ => self.name(),
        }
    }
}

/// A network, and what is its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// The trainer's spelling.
    pub(super) backbone: String,
    /// Where its weights come from.
    pub(super) init: Start,
    /// What explains it, where the grid does not say.
    pub(super) attribution: String,
    /// Images a pass, where a step's are too many for the memory.
    pub(super) micro_batch: Option<u32>,
    /// Instead of the recipe's.
    #[serde(default)]
    pub(super) baseline: Change,
    #[serde(default)]
    pub(super) guided: Change,
}

/// Where a network starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    /// Random weights.
    Scratch,
    /// A file of ImageNet weights: `cargo xtask weights` provides some, `--weights` the others.
    Imagenet,
}

/// How long and how fast a run trains.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Length {
    /// Passes over the training images.
    pub(crate) epochs: u32,
    /// Adam's.
    pub(crate) learning_rate: f64,
    /// Images a step. λ scales with it (SPEC H.1).
    pub(crate) batch_size: u32,
}

/// What a model sets otherwise.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) epochs: Option<u32>,
    pub(super) learning_rate: Option<f64>,
    pub(super) batch_size: Option<u32>,
}

impl Length {
    pub(super) fn changed(self, change: Change) -> Length {
        Length {
            epochs: change.epochs.unwrap_or(self.epochs),
            learning_rate: change.learning_rate.unwrap_or(self.learning_rate),
            batch_size: change.batch_size.unwrap_or(self.batch_size),
        }
    }
}

/// The guided runs: every combination of each grid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guided {
    #[serde(default)]
    pub(super) start: GuidedStart,
    pub(super) epochs: u32,
    pub(super) learning_rate: f64,
    pub(super) batch_size: u32,
    pub(super) grid: Vec<Grid>,
}

/// Where guided runs start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum GuidedStart {
    /// From the baseline's epoch with the best validation F1.
    #[default]
    Baseline,
    /// Where the baseline started: its model's `init`.
    Weights,
}

/// Values to combine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grid {
    /// Absent: each of the recipe's models.
    pub(super) backbone: Option<Vec<String>>,
    /// Absent: each model's own.
    pub(super) attribution: Option<Vec<String>>,
    pub(super) layer: Vec<String>,
    pub(super) loss: Vec<String>,
    pub(super) lambda: Vec<f64>,
    /// α of the loss energy_area; the other losses have none.
    #[serde(default)]
    pub(super) area_exponent: Vec<f64>,
    #[serde(default = "boxes")]
    pub(super) annotation: Vec<String>,
    #[serde(default = "full")]
    pub(super) annotated_fraction: Vec<f64>,
    #[serde(default = "undilated")]
    pub(super) dilation: Vec<f64>,
    /// Instead of the recipe's number of guided epochs.
    pub(super) epochs: Option<u32>,
    /// `[attribution@]layer`: scored with these maps too, besides those that were guided.
    #[serde(default)]
    pub(super) evaluate: Vec<String>,
}

fn first_seed() -> Vec<u64> {
    vec![0]
}

fn full_precision() -> String {
    "f32".to_owned()
}

fn conventional() -> Vec<String> {
    vec![CONVENTIONAL.to_owned()]
}

fn unchanged() -> String {
    "none".to_owned()
}

fn boxes() -> Vec<String> {
    vec!["box".to_owned()]
}

fn full() -> Vec<f64> {
    vec![1.0]
}

fn undilated() -> Vec<f64> {
    vec![0.0]
}

/// How checkpoints are scored.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Evaluation {
    /// IoU's fixed threshold.
    pub(crate) threshold: f64,
    /// Bootstrap resamples behind the intervals.
    pub(crate) replicates: u32,
    /// Images in the report's panel.
    pub(crate) examples: u32,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            threshold: 0.5,
            replicates: 1000,
            examples: 8,
        }
    }
}

//! Defines the keys of a recipe file and of a collection of recipes, as structs that serde reads from TOML.
//! docs/recipes.md explains them for users.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::data::{Data, Limit};
use super::hyperparameters::{Change, EarlyStopping, Hyperparameters};

/// The annotation by segmentation masks; these cannot be dilated as boxes can.
pub(super) const SEGMENTATION: &str = "segmentation";

/// A recipe: training runs on one data set. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// One sentence: what it shows.
    pub(super) about: String,
    /// Tables and figures of the report; absent: all that the results have data for.
    #[serde(default)]
    pub(super) show: Vec<String>,
    /// Seeds; every run is made once with each.
    #[serde(default = "first_seed")]
    pub(super) seed: Vec<u64>,
    /// The seed whose guided runs try every λ of a grid; those of the other seeds take the λ found. Absent:
    /// every seed tries every λ.
    pub(super) tune_on: Option<u64>,
    /// Values that `reproduce` sets for own data.
    pub(super) fit: Option<Fit>,
    /// The precision of training, in the trainer's spelling.
    #[serde(default = "full_precision")]
    pub(super) precision: String,
    /// How many classes an image shows, in the trainer's spelling (`multi`, `single`); absent: any number.
    pub(super) labels: Option<String>,
    /// What maps explain, in the trainer's spelling (`logit`, `contrast`); absent: the logit.
    pub(super) explained: Option<String>,
    /// The images.
    pub(super) data: Data,
    /// The networks.
    pub(super) model: Vec<Model>,
    /// How errors name the file that `model` is from; the reader sets it.
    #[serde(skip)]
    pub(super) models_in: String,
    /// The unguided runs.
    pub(super) baseline: Hyperparameters,
    /// The guided runs.
    pub(super) guided: GuidedRuns,
    /// How checkpoints are scored.
    #[serde(default)]
    pub(super) evaluation: Evaluation,
    /// Options for Slurm.
    #[serde(default)]
    pub(super) slurm: Slurm,
}

/// What a recipe for own data may cost. `reproduce` counts the images and sets the epochs. Where two CPU cores
/// would take longer than `minutes`, it also takes smaller images, then a part of the validation and test images, then
/// of the training images, then fewer steps. (On a GPU all images are taken at the recipe's size.)
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fit {
    /// The most minutes on two idle CPU cores.
    pub(crate) minutes: u32,
    /// Training steps of a baseline, from which its epochs follow.
    pub(crate) baseline_steps: u32,
    /// Training steps of a guided run.
    pub(crate) guided_steps: u32,
}

/// A recipe that includes other recipes: all their runs, each once, with the values of `with`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection {
    /// One sentence: what it shows.
    pub(super) about: String,
    /// Tables and figures of the report, as in [`Recipe`].
    #[serde(default)]
    pub(super) show: Vec<String>,
    /// Recipes: names of those in the same folder or in `recipes/`, or files, relative to the collection's own.
    pub(super) include: Vec<String>,
    #[serde(default)]
    pub(super) with: With,
    #[serde(default)]
    pub(super) evaluation: Evaluation,
    #[serde(default)]
    pub(super) slurm: Slurm,
}

/// The values that a collection sets in each of its recipes; absent: the recipe's own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct With {
    pub(super) size: Option<u32>,
    pub(super) limit: Option<Limit>,
    pub(super) init: Option<Start>,
    pub(super) epochs: Option<u32>,
    pub(super) batch_size: Option<u32>,
}

/// The recipe's options for Slurm; flags of the command line override them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Slurm {
    /// `--partition`.
    pub(crate) partition: Option<String>,
    /// The number of GPUs that a job that trains or explains asks for; 0 on a cluster of CPUs.
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

/// A network, and the values in which its runs differ from other networks'.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// The network's name in the trainer's spelling; absent: it is from `file`.
    pub(super) backbone: Option<String>,
    /// Where its weights come from; absent: from `file`.
    pub(super) init: Option<Start>,
    /// A file with a network that the trainer does not have, and its weights. The reader makes it an absolute
    /// path.
    pub(super) file: Option<PathBuf>,
    /// What the network from `file` is called; absent: as the file is, without its ending.
    pub(super) name: Option<String>,
    // These are options of `trainer import`; absent: its defaults.
    /// The mean and the standard deviation of the network's inputs, of red, green and blue.
    pub(super) mean: Option<[f64; 3]>,
    pub(super) std: Option<[f64; 3]>,
    /// The channels of its input, in the trainer's spelling: `rgb`, `bgr`, `gray` or `inverse` (six: each colour
    /// and one minus it).
    pub(super) channels: Option<String>,
    /// Whether fine-tuning makes a B-cos network of it.
    #[serde(default)]
    pub(super) bcosified: bool,
    /// The module that is its classifier.
    pub(super) head: Option<String>,
    /// The modules whose outputs are its layers, by the layer.
    #[serde(default)]
    pub(super) layers: BTreeMap<String, String>,
    /// The attribution method, unless the grid names one.
    pub(super) attribution: String,
    /// Images in one forward and backward pass, where those of a whole step do not fit into memory.
    pub(super) micro_batch: Option<u32>,
    /// Hyperparameters of its baselines that differ from the recipe's.
    #[serde(default)]
    pub(super) baseline: Change,
    /// The same for its guided runs.
    #[serde(default)]
    pub(super) guided: Change,
}

/// The weights that a network starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    /// Random weights.
    Scratch,
    /// A file of ImageNet weights: `cargo xtask weights` provides some, `--weights` the others.
    Imagenet,
}

/// The guided runs: for each grid, every combination of its values.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuidedRuns {
    /// The weights that they start from.
    #[serde(default)]
    pub(super) start: GuidedStart,
    // The keys of a `Hyperparameters`; serde does not flatten a struct into one that refuses unknown keys.
    pub(super) epochs: u32,
    pub(super) learning_rate: f64,
    pub(super) batch_size: u32,
    optimizer: Option<String>,
    weight_decay: Option<f64>,
    schedule: Option<String>,
    warmup_steps: Option<u32>,
    warmup_epochs: Option<u32>,
    bcosify_epochs: Option<u32>,
    early_stopping: Option<EarlyStopping>,
    pub(super) grid: Vec<Grid>,
}

impl GuidedRuns {
    /// The hyperparameters, which grids and models may change.
    pub(super) fn hyperparameters(&self) -> Hyperparameters {
        Hyperparameters {
            epochs: self.epochs,
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            optimizer: self.optimizer.clone(),
            weight_decay: self.weight_decay,
            schedule: self.schedule.clone(),
            warmup_steps: self.warmup_steps,
            warmup_epochs: self.warmup_epochs,
            bcosify_epochs: self.bcosify_epochs,
            distillation: None, // the baselines' alone
            early_stopping: self.early_stopping.clone(),
        }
    }
}

/// The weights that guided runs start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum GuidedStart {
    /// From the baseline's epoch with the best validation F1.
    #[default]
    Baseline,
    /// The same as the baseline's: its model's `init`, which may be random weights.
    Weights,
}

/// Lists of values; every combination of them becomes a guided run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grid {
    /// Absent: each of the recipe's models.
    pub(super) backbone: Option<Vec<String>>,
    /// Absent: each model's own.
    pub(super) attribution: Option<Vec<String>>,
    /// The layers whose maps are guided.
    pub(super) layer: Vec<String>,
    /// The localization losses.
    pub(super) loss: Vec<Loss>,
    /// The weights of the localization loss.
    pub(super) lambda: Vec<f64>,
    /// `box`, `segmentation`.
    #[serde(default = "boxes")]
    pub(super) annotation: Vec<String>,
    /// Shares of the training images whose annotation is used.
    #[serde(default = "full")]
    pub(super) annotated_fraction: Vec<f64>,
    /// How much a box grows on each side, as shares of its width or height.
    #[serde(default = "undilated")]
    pub(super) dilation: Vec<f64>,
    /// Instead of the recipe's number of guided epochs.
    pub(super) epochs: Option<u32>,
    /// Instead of the recipe's and the model's guided learning rate.
    pub(super) learning_rate: Option<Vec<f64>>,
    /// Instead of the recipe's and the model's guided batch size.
    pub(super) batch_size: Option<Vec<u32>>,
    /// Instead of the recipe's and the model's guided weight decay.
    pub(super) weight_decay: Option<Vec<f64>>,
    /// `[attribution@]layer`: maps that checkpoints are scored with besides those that were guided.
    #[serde(default)]
    pub(super) evaluate: Vec<String>,
}

/// A localization loss: its name, and its options where they are not the defaults. In TOML the name
/// alone, or a table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "LossSpelling")]
pub(crate) struct Loss {
    pub(crate) name: String,
    /// Values by the name of the option.
    pub(crate) options: BTreeMap<String, f64>,
}

/// How a loss may be written in TOML.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected the name of a loss, or a table of its name and its options, which are numbers"
)]
enum LossSpelling {
    Name(String),
    Table {
        name: String,
        #[serde(flatten)]
        options: BTreeMap<String, f64>,
    },
}

impl From<LossSpelling> for Loss {
    fn from(spelling: LossSpelling) -> Self {
        match spelling {
            LossSpelling::Name(name) => Loss {
                name,
                options: BTreeMap::new(),
            },
            LossSpelling::Table { name, options } => Loss { name, options },
        }
    }
}

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.options.is_empty() {
            return serializer.serialize_str(&self.name);
        }
        let mut table = serializer.serialize_map(Some(1 + self.options.len()))?;
        table.serialize_entry("name", &self.name)?;
        for (name, value) in &self.options {
            table.serialize_entry(name, value)?;
        }
        table.end()
    }
}

/// Default of `seed`.
fn first_seed() -> Vec<u64> {
    vec![0]
}

/// Default of `precision`.
fn full_precision() -> String {
    "f32".to_owned()
}

/// Default of `annotation`.
fn boxes() -> Vec<String> {
    vec!["box".to_owned()]
}

/// Default of `annotated_fraction`.
fn full() -> Vec<f64> {
    vec![1.0]
}

/// Default of `dilation`.
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
    /// Pairs (an image and a class on it) whose maps are kept for the report's panel, drawn at random.
    pub(crate) examples: u32,
    /// Metrics of the test images' maps that are computed beside those that every evaluation has; `all`: every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics: Vec<String>,
    /// Pairs of the test images by which it is measured how faithful the maps of the chosen checkpoints are; absent:
    /// it is not. Tables of an evaluation do not depend on it.
    #[serde(skip_serializing)]
    pub(crate) faithfulness: Option<u32>,
    /// Rounds in which training steps of runs guided at different layers are timed in turn; absent: they are not.
    #[serde(skip_serializing)]
    pub(crate) step_times: Option<u32>,
}

// IoU's threshold is the official code's (SPEC B); the numbers of resamples and examples are chosen.
impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            threshold: 0.5,
            replicates: 1000,
            examples: 32,
            metrics: Vec::new(),
            faithfulness: None,
            step_times: None,
        }
    }
}

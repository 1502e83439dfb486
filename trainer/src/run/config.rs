//! Reads and checks the configuration file of a run, which `trainer train --config` takes; docs/stages.md has
//! an example. Paths in it are relative to the working directory. A run without `[guidance]` is a
//! baseline: it has no localization loss.

use std::path::{Path, PathBuf};

use data_prep::dataset::{Labels, Task};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::explain::attribution::Attribution;
use crate::explain::gradients::Order;
use crate::guide::color_jitter::ColorJitter;
use crate::guide::loss::Loss;
use crate::names::{
    Annotation, Augmentation, Explained, Layer, OnNonFinite, Optimizer, Precision, Schedule,
};
use crate::network::Backbone;
use crate::train::adam::WeightDecay;
use crate::train::stopping::EarlyStopping;
use crate::weights::described;

/// One training run, as the user writes it. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// A label for people; not part of the run's identity.
    pub name: String,
    /// The classifier.
    #[serde(deserialize_with = "described::deserialize")]
    pub backbone: Backbone,
    /// The attribution method of the validation maps, and of the training maps that a guided run's loss
    /// compares with the annotation.
    pub attribution: Attribution,
    /// The layer at which these maps explain the network.
    pub layer: Layer,
    /// The task: `reversed` classifies Waterbirds' backgrounds.
    #[serde(default, skip_serializing_if = "Task::is_conventional")]
    pub task: Task,
    /// Whether an image shows any number of classes or exactly one; with one, the classification loss is the
    /// cross-entropy of the softmax, else the binary cross-entropy.
    #[serde(default, skip_serializing_if = "Labels::are_multi")]
    pub labels: Labels,
    /// What the maps explain: the logit of a class, or that minus the others' mean.
    #[serde(default = "logit", skip_serializing_if = "is_logit")]
    pub explained: Explained,
    /// The augmentation of training images.
    #[serde(default = "unchanged", skip_serializing_if = "is_unchanged")]
    pub augmentation: Augmentation,
    /// Passes over the training images.
    pub epochs: i32,
    /// The learning rate; with warm-up or another schedule than the constant one, the highest.
    #[serde(default = "default_learning_rate")]
    pub learning_rate: f64,
    /// How the learning rate goes on after warm-up.
    #[serde(default = "constant", skip_serializing_if = "is_constant")]
    pub schedule: Schedule,
    /// Steps in which the learning rate rises to `learning_rate`; absent: as `warmup_epochs` says, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u32>,
    /// The length of the warm-up in epochs; only one of both keys may be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_epochs: Option<u32>,
    /// Epochs in which a B-cosified network goes from where its weights are to a B-cos network; no earlier
    /// epoch than the last of them is kept. Absent: as [`RunConfig::epochs_to_bcosify`] says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bcosify_epochs: Option<u32>,
    /// The weight of the features' distance to those of the network that the run begins from, in a baseline that makes
    /// a B-cos network of an ordinary one ([`crate::guide::distillation`]); absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<f64>,
    /// The optimizer.
    #[serde(default = "adam", skip_serializing_if = "is_adam")]
    pub optimizer: Optimizer,
    /// Weight decay; absent: the optimizer's default ([`RunConfig::decay`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Images in a step. The localization loss is summed over the batch, so the right λ depends on the batch
    /// size (docs/SPEC.md H.1).
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Images in a forward and backward pass; absent: all of a step's. A step adds up the gradients of
    /// its passes. This takes less memory and gives the same up to rounding, except for backbones with
    /// [`has_batch_statistics`](crate::network::Architecture::has_batch_statistics), for which it is
    /// refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// Seed of the initial weights, the order of images, the classes drawn and the annotated subset.
    #[serde(default)]
    pub seed: u64,
    /// The precision to ask for in convolutions and matrix products; a CPU computes TF32 in f32.
    #[serde(default = "full_precision", skip_serializing_if = "is_full_precision")]
    pub precision: Precision,
    /// What to do with a batch that has a non-finite loss, gradient or attribution map.
    #[serde(default = "stop", skip_serializing_if = "is_stop")]
    pub on_non_finite: OnNonFinite,
    /// When the run ends before its last epoch; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// The colour jitter of training images, after `augmentation`; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_jitter: Option<ColorJitter>,
    /// Where the weights come from.
    pub init: Init,
    /// The localization loss; absent in a baseline.
    pub guidance: Option<Guidance>,
}

/// Where a run's weights come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
pub enum Init {
    /// Random weights.
    Scratch,
    /// A safetensors file (see `trainer import`). If its head is for other classes than the data's, the
    /// run's head starts from random weights.
    Weights {
        /// The file.
        file: PathBuf,
    },
    /// A finished run's checkpoint.
    Run {
        /// The run's folder.
        folder: PathBuf,
        /// Which epoch; absent: the one with the highest validation F1.
        checkpoint: Option<i32>,
    },
}

/// The second loss, on the attribution maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    /// Which localization loss: its name, or a table of its name and options.
    pub loss: Loss,
    /// λ of the total loss `L_class + λ·Σ L_loc`.
    pub lambda: f64,
    /// The annotations that maps are compared with. With segmentations, images without one count as not
    /// annotated.
    #[serde(default = "boxes", skip_serializing_if = "are_boxes")]
    pub annotation: Annotation,
    /// Share of the training images whose annotation is used (paper section 5.4).
    #[serde(default = "one")]
    pub annotated_fraction: f64,
    /// Boxes grow by this share of their width and height on each side: 0.5 doubles both (paper section 5.4).
    #[serde(default)]
    pub dilation: f64,
}

// Defaults of the fields above, and whether a field has its default and is left out of the file.

fn default_learning_rate() -> f64 {
    1e-4
}

fn logit() -> Explained {
    Explained::Logit
}

fn is_logit(explained: &Explained) -> bool {
    *explained == Explained::Logit
}

fn unchanged() -> Augmentation {
    Augmentation::None
}

fn is_unchanged(augmentation: &Augmentation) -> bool {
    *augmentation == Augmentation::None
}

fn constant() -> Schedule {
    Schedule::Constant
}

fn is_constant(schedule: &Schedule) -> bool {
    *schedule == Schedule::Constant
}

fn adam() -> Optimizer {
    Optimizer::Adam
}

fn is_adam(optimizer: &Optimizer) -> bool {
    *optimizer == Optimizer::Adam
}

fn full_precision() -> Precision {
    Precision::F32
}

fn is_full_precision(precision: &Precision) -> bool {
    *precision == Precision::F32
}

fn stop() -> OnNonFinite {
    OnNonFinite::Stop
}

fn is_stop(on_non_finite: &OnNonFinite) -> bool {
    *on_non_finite == OnNonFinite::Stop
}

fn boxes() -> Annotation {
    Annotation::Box
}

fn are_boxes(annotation: &Annotation) -> bool {
    *annotation == Annotation::Box
}

fn default_batch_size() -> usize {
    64
}

/// PyTorch's default weight decay of AdamW.
const ADAMW_DECAY: f64 = 0.01;

fn one() -> f64 {
    1.0
}

impl RunConfig {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// Names the file, the key, what was found and what was expected.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let config: RunConfig = toml::from_str(&text).map_err(|error| {
            let before = error.span().map_or("", |span| &text[..span.start]);
            let line = before.matches('\n').count() + 1;
            let words = error.message().replace('\n', ", ");
            let hint = match words.contains("`area_exponent`") {
                true => "write loss = { name = \"energy_area\", exponent = 0.5 }",
                false => "docs/stages.md has an example",
            };
            Error::Unparsed {
                path: path.to_owned(),
                field: format!("line {line}"),
                reason: format!("{words}\nhint: {hint}"),
            }
        })?;
        config.check(path)?;
        Ok(config)
    }

    /// Returns the epochs in which a B-cosified network becomes a B-cos network; 0 where it is one from the
    /// start, and for other networks. Unless the configuration says it, they are two thirds of the epochs of a
    /// run that begins from a weight file.
    pub fn epochs_to_bcosify(&self) -> i32 {
        let begins = matches!(self.init, Init::Weights { .. });
        match (self.backbone.is_bcosified, self.bcosify_epochs) {
            (false, _) => 0,
            (true, Some(epochs)) => epochs as i32,
            (true, None) if begins => (2 * self.epochs + 2) / 3,
            (true, None) => 0,
        }
    }

    /// How weights decay; where the configuration does not say how much, 0 with Adam and 0.01 with AdamW, as
    /// PyTorch's.
    pub fn decay(&self) -> WeightDecay {
        match self.optimizer {
            Optimizer::Adam => WeightDecay::L2(self.weight_decay.unwrap_or(0.0)),
            Optimizer::AdamW => WeightDecay::Decoupled(self.weight_decay.unwrap_or(ADAMW_DECAY)),
        }
    }

    /// Refuses `warmup_steps` that leave no step after the warm-up, on `n_train` training images; `path` is the
    /// configuration's file. (`warmup_epochs` is checked when the file is read.)
    ///
    /// # Errors
    /// Names the file, the key, what was found and what was expected.
    pub fn check_warmup(&self, path: &Path, n_train: usize) -> Result<()> {
        let steps = self.epochs as usize * n_train.div_ceil(self.batch_size);
        match self.warmup_steps {
            Some(warmup) if warmup as usize >= steps => {
                let expected = format!("fewer than the {steps} steps of all epochs");
                let warmup = warmup.to_string();
                Err(Error::invalid(path, "warmup_steps", warmup, expected))
            }
            _ => Ok(()),
        }
    }

    /// Refuses values out of range, and combinations that are not defined.
    fn check(&self, path: &Path) -> Result<()> {
        let positive = |field: &str, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(Error::invalid(
                path,
                field,
                value.to_string(),
                "a number above 0",
            )),
        };
        positive("epochs", f64::from(self.epochs))?;
        positive("batch_size", self.batch_size as f64)?;
        positive("learning_rate", self.learning_rate)?;
        self.backbone
            .check_layer(self.layer)
            .map_err(|expected| Error::invalid(path, "layer", self.layer.to_string(), expected))?;
        self.check_variation(path)?;
        if let Some(images) = self.micro_batch {
            positive("micro_batch", images as f64)?;
            if self.backbone.has_batch_statistics {
                return Err(Error::invalid(
                    path,
                    "micro_batch",
                    images.to_string(),
                    format!(
                        "none: {}'s norms have statistics over all images of a step; lower batch_size",
                        self.backbone
                    ),
                ));
            }
        }
        let order = match self.guidance {
            Some(_) => Order::Second,
            None => Order::First,
        };
        let attribution = self.attribution;
        attribution
            .check(self.backbone, order)
            .map_err(|expected| {
                Error::invalid(path, "attribution", attribution.to_string(), expected)
            })?;
        if let Some(guidance) = &self.guidance {
            positive("guidance.lambda", guidance.lambda)?;
            positive("guidance.annotated_fraction", guidance.annotated_fraction)?;
            if guidance.annotated_fraction > 1.0 {
                return Err(Error::invalid(
                    path,
                    "guidance.annotated_fraction",
                    guidance.annotated_fraction.to_string(),
                    "at most 1",
                ));
            }
            if guidance.annotation == Annotation::Segmentation && guidance.dilation != 0.0 {
                return Err(Error::invalid(
                    path,
                    "guidance.dilation",
                    guidance.dilation.to_string(),
                    "0 with annotation segmentation: only boxes are dilated",
                ));
            }
            if !(0.0..=10.0).contains(&guidance.dilation) {
                return Err(Error::invalid(
                    path,
                    "guidance.dilation",
                    guidance.dilation.to_string(),
                    "0 to 10",
                ));
            }
        }
        Ok(())
    }

    /// Does what [`RunConfig::check`] does, for what is explained, optimizer, schedule, early stopping and colour
    /// jitter.
    fn check_variation(&self, path: &Path) -> Result<()> {
        let wrong = |field: &str, found: String, expected: &str| {
            Err(Error::invalid(path, field, found, expected))
        };
        if self.explained == Explained::Contrast && self.labels.are_multi() {
            let expected = "logit, or contrast with labels = \"single\"";
            return wrong("explained", self.explained.to_string(), expected);
        }
        if let Some(decay) = self.weight_decay
            && !(decay >= 0.0 && decay.is_finite())
        {
            return wrong("weight_decay", decay.to_string(), "0 or a number above it");
        }
        let warmups = [
            ("warmup_steps", self.warmup_steps),
            ("warmup_epochs", self.warmup_epochs),
        ];
        for (field, warmup) in warmups {
            if warmup == Some(0) {
                return wrong(field, "0".to_owned(), "a number above 0, or no such line");
            }
        }
        match (self.warmup_steps, self.warmup_epochs) {
            (Some(_), Some(epochs)) => {
                let found = format!("{epochs} beside warmup_steps");
                return wrong("warmup_epochs", found, "one of both");
            }
            (None, Some(warmup)) if i64::from(warmup) >= i64::from(self.epochs) => {
                let expected = format!("fewer than the {} epochs", self.epochs);
                return wrong("warmup_epochs", warmup.to_string(), &expected);
            }
            _ => {}
        }
        match self.bcosify_epochs {
            Some(epochs) if !self.backbone.is_bcosified => {
                let expected = "none: the network is no B-cosified one";
                return wrong("bcosify_epochs", epochs.to_string(), expected);
            }
            Some(epochs) if !(1..=i64::from(self.epochs)).contains(&i64::from(epochs)) => {
                let expected = format!("1 to the {} epochs", self.epochs);
                return wrong("bcosify_epochs", epochs.to_string(), &expected);
            }
            _ => {}
        }
        if let Some(weight) = self.distillation {
            let begins = matches!(self.init, Init::Weights { .. });
            if !self.backbone.is_bcosified || !begins || self.guidance.is_some() {
                let expected = "none: only a baseline of a B-cosified network that begins from a weight file has it";
                return wrong("distillation", weight.to_string(), expected);
            }
            if !(weight > 0.0 && weight.is_finite()) {
                return wrong("distillation", weight.to_string(), "a number above 0");
            }
        }
        if let Some(stopping) = self.early_stopping
            && stopping.patience == 0
        {
            return wrong("early_stopping.patience", "0".to_owned(), "1 at least");
        }
        let Some(jitter) = self.color_jitter else {
            return Ok(());
        };
        for (name, strength) in jitter.strengths() {
            let (most, expected) = match name {
                "hue" => (0.5, "0 to 0.5"),
                _ => (f64::MAX, "0 or a number above it"),
            };
            if !(0.0..=most).contains(&strength) {
                return wrong(
                    &format!("color_jitter.{name}"),
                    strength.to_string(),
                    expected,
                );
            }
        }
        match jitter == ColorJitter::default() {
            true => wrong(
                "color_jitter",
                "nothing above 0".to_owned(),
                "brightness, contrast, saturation or hue",
            ),
            false => Ok(()),
        }
    }
}

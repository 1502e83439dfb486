//! Defines the hyperparameters of a run's training, as `[baseline]` and `[guided]` of a recipe have them and as
//! a model of the recipe may change them. The trainer defines what they mean (docs/SPEC.md E.1).

use serde::{Deserialize, Serialize};

use super::fault::{above_0, first, from_0, spelled, whole, wrong};
use crate::drive::vocabulary::Trainer;

/// The hyperparameters: `[baseline]`, and part of `[guided]`. What is absent is the trainer's default.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hyperparameters {
    /// Passes over the training images.
    pub(crate) epochs: u32,
    /// The learning rate; with warm-up or a schedule the highest.
    pub(crate) learning_rate: f64,
    /// Images in a step. The λ (weight of the localization loss) that is right depends on it (SPEC H.1).
    pub(crate) batch_size: u32,
    /// The optimizer, in the trainer's spelling.
    pub(crate) optimizer: Option<String>,
    /// The optimizer's weight decay.
    pub(crate) weight_decay: Option<f64>,
    /// How the learning rate goes on after warm-up, in the trainer's spelling.
    pub(crate) schedule: Option<String>,
    /// Steps in which the learning rate rises to its height.
    pub(crate) warmup_steps: Option<u32>,
    /// The same in epochs.
    pub(crate) warmup_epochs: Option<u32>,
    /// Epochs in which a B-cosified network becomes a B-cos network.
    pub(crate) bcosify_epochs: Option<u32>,
    /// The weight of the features' distance to those of the network that a B-cosified one is made of.
    pub(crate) distillation: Option<f64>,
    /// When a run ends before its last epoch; absent: never.
    pub(crate) early_stopping: Option<EarlyStopping>,
}

/// When a run ends early: once a metric of its validation has not risen for some epochs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EarlyStopping {
    /// The metric, in the trainer's spelling.
    metric: String,
    /// The number of epochs.
    patience: u32,
}

/// Hyperparameters that a model changes; absent: the recipe's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) epochs: Option<u32>,
    pub(super) learning_rate: Option<f64>,
    pub(super) batch_size: Option<u32>,
    optimizer: Option<String>,
    pub(super) weight_decay: Option<f64>,
    schedule: Option<String>,
    warmup_steps: Option<u32>,
    warmup_epochs: Option<u32>,
    bcosify_epochs: Option<u32>,
    pub(super) distillation: Option<f64>,
    early_stopping: Option<EarlyStopping>,
}

impl Hyperparameters {
    /// These hyperparameters with `change` applied.
    pub(super) fn changed(self, change: &Change) -> Hyperparameters {
        // A warm-up in steps also replaces one in epochs, and the other way round.
        let (warmup_steps, warmup_epochs) = match (change.warmup_steps, change.warmup_epochs) {
            (None, None) => (self.warmup_steps, self.warmup_epochs),
            changed => changed,
        };
        Hyperparameters {
            epochs: change.epochs.unwrap_or(self.epochs),
            learning_rate: change.learning_rate.unwrap_or(self.learning_rate),
            batch_size: change.batch_size.unwrap_or(self.batch_size),
            optimizer: change.optimizer.clone().or(self.optimizer),
            weight_decay: change.weight_decay.or(self.weight_decay),
            schedule: change.schedule.clone().or(self.schedule),
            warmup_steps,
            warmup_epochs,
            bcosify_epochs: change.bcosify_epochs.or(self.bcosify_epochs),
            distillation: change.distillation.or(self.distillation),
            early_stopping: change.early_stopping.clone().or(self.early_stopping),
        }
    }

    /// The first fault of a value; whether a warm-up fits is asked by [`Hyperparameters::warmup_fault`].
    pub(super) fn fault(&self, field: &str) -> Option<String> {
        self.as_change().fault(field)
    }

    /// The first name that the trainer does not know.
    pub(super) fn unknown(&self, field: &str, trainer: &Trainer) -> Option<String> {
        self.as_change().unknown(field, trainer)
    }

    /// These hyperparameters as a change that sets all of them, so that both are checked by the same code.
    fn as_change(&self) -> Change {
        let own = self.clone();
        Change {
            epochs: Some(own.epochs),
            learning_rate: Some(own.learning_rate),
            batch_size: Some(own.batch_size),
            optimizer: own.optimizer,
            weight_decay: own.weight_decay,
            schedule: own.schedule,
            warmup_steps: own.warmup_steps,
            warmup_epochs: own.warmup_epochs,
            bcosify_epochs: own.bcosify_epochs,
            distillation: own.distillation,
            early_stopping: own.early_stopping,
        }
    }

    /// The fault of a warm-up that is as long as the training, after models and grids have changed what they
    /// change. A warm-up in steps is not checked here: only the trainer knows the number of steps.
    pub(super) fn warmup_fault(&self, field: &str) -> Option<String> {
        let (warmup, epochs) = (self.warmup_epochs?, self.epochs);
        match warmup >= epochs {
            true => wrong(
                &format!("{field}.warmup_epochs"),
                warmup,
                format!("fewer than the {epochs} epochs"),
            ),
            false => None,
        }
    }
}

impl Change {
    /// The first fault of a value.
    pub(super) fn fault(&self, field: &str) -> Option<String> {
        let name = |key: &str| format!("{field}.{key}");
        let at_least_1 = |key: &str, value: Option<u32>| whole(&name(key), value?);
        let both = self.warmup_steps.and(self.warmup_epochs);
        let stopping = self.early_stopping.as_ref();
        first([
            at_least_1("epochs", self.epochs),
            self.learning_rate
                .and_then(|rate| above_0(&name("learning_rate"), rate)),
            at_least_1("batch_size", self.batch_size),
            self.weight_decay
                .and_then(|decay| from_0(&name("weight_decay"), decay)),
            at_least_1("warmup_steps", self.warmup_steps),
            at_least_1("warmup_epochs", self.warmup_epochs),
            at_least_1("bcosify_epochs", self.bcosify_epochs),
            self.distillation
                .and_then(|weight| above_0(&name("distillation"), weight)),
            both.and_then(|epochs| {
                let found = format!("{epochs} beside warmup_steps");
                wrong(&name("warmup_epochs"), found, "one of both")
            }),
            at_least_1(
                "early_stopping.patience",
                stopping.map(|stopping| stopping.patience),
            ),
        ])
    }

    /// The first name that the trainer does not know.
    pub(super) fn unknown(&self, field: &str, trainer: &Trainer) -> Option<String> {
        let known = |key: &str, value: Option<&String>, known: &[String]| {
            spelled(&format!("{field}.{key}"), value?, known)
        };
        let stopping = self.early_stopping.as_ref();
        first([
            known("optimizer", self.optimizer.as_ref(), &trainer.optimizers),
            known("schedule", self.schedule.as_ref(), &trainer.schedules),
            known(
                "early_stopping.metric",
                stopping.map(|stopping| &stopping.metric),
                &trainer.validation_metrics,
            ),
        ])
    }
}

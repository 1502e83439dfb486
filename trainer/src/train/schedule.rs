//! What changes from step to step: the learning rate (docs/SPEC.md E.1: linear warm-up, then constant or along
//! a cosine), and how far a network is B-cosified (D). Both are functions of the step's number alone, so that
//! a resumed run needs no state for them.

use std::f64::consts::PI;

use crate::names::Schedule;
use crate::run::config::RunConfig;

/// The learning rates of a run's steps.
#[derive(Clone, Copy, Debug)]
pub struct LearningRates {
    schedule: Schedule,
    /// The configured learning rate, the greatest.
    peak: f64,
    /// Steps of warm-up, fewer than `steps`.
    warmup: usize,
    /// Steps of all epochs that are configured, even if the run ends early.
    steps: usize,
    /// The last step of an epoch may have fewer images; it counts as one.
    steps_an_epoch: usize,
    /// Steps in which a B-cosified network becomes a B-cos network; 0 for none.
    to_bcosify: usize,
}

impl LearningRates {
    /// Returns the learning rates of a run on `n_train` training images.
    pub fn new(config: &RunConfig, n_train: usize) -> Self {
        let steps_an_epoch = n_train.div_ceil(config.batch_size);
        LearningRates {
            schedule: config.schedule,
            peak: config.learning_rate,
            warmup: match (config.warmup_steps, config.warmup_epochs) {
                (Some(steps), _) => steps as usize,
                (None, Some(epochs)) => epochs as usize * steps_an_epoch,
                (None, None) => 0,
            },
            steps: config.epochs as usize * steps_an_epoch,
            steps_an_epoch,
            to_bcosify: config.epochs_to_bcosify() as usize * steps_an_epoch,
        }
    }

    /// Steps of warm-up.
    pub fn warmup(&self) -> usize {
        self.warmup
    }

    /// Steps of all epochs.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Returns the learning rate of `step`, which counts from 0 through all epochs; steps that were left
    /// out for a non-finite value count.
    pub fn learning_rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / (self.warmup + 1) as f64;
        }
        match self.schedule {
            Schedule::Constant => self.peak,
            Schedule::Cosine => {
                let done = (step - self.warmup) as f64 / (self.steps - self.warmup) as f64;
                self.peak * (1.0 + (PI * done).cos()) / 2.0
            }
        }
    }

    /// Returns the learning rate of step number `step` of `epoch`, both from 1.
    pub fn in_epoch(&self, epoch: i32, step: usize) -> f64 {
        self.learning_rate((epoch as usize - 1) * self.steps_an_epoch + step - 1)
    }

    /// Returns how far a B-cosified network is to be in step number `step` of `epoch`, both from 1: from 0 to
    /// 1 in equal parts. `None` if it does not change in this run.
    pub fn bcosification(&self, epoch: i32, step: usize) -> Option<f64> {
        let done = (epoch as usize - 1) * self.steps_an_epoch + step;
        (self.to_bcosify > 0).then(|| (done as f64 / self.to_bcosify as f64).min(1.0))
    }

    /// Returns which share of what norms shift is to become weights before the steps of `epoch`, in a B-cosified
    /// network: after the epochs in which it becomes a B-cos network, all of it has; `None` in later epochs.
    pub fn absorbed(&self, epoch: i32) -> Option<f64> {
        let epochs = self.to_bcosify / self.steps_an_epoch;
        let left = epochs as i32 - (epoch - 1);
        (left > 0).then(|| 1.0 / f64::from(left))
    }

    /// Returns the learning rate of the last step of `epoch`, from 1.
    pub fn at_end_of(&self, epoch: i32) -> f64 {
        self.in_epoch(epoch, self.steps_an_epoch)
    }
}

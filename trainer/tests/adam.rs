//! Compares our Adam and AdamW with PyTorch's (docs/SPEC.md E.1): ten steps with gradients of all sizes, which
//! `tests/fixtures/adam/make.py` recorded, must give the same weights, both in one go and with the state
//! saved and restored in between.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use support::tensors;
use tch::{Kind, Tensor};
use trainer::train::adam::{Adam, WeightDecay};
use trainer::weights::checkpoint::{self, Metadata};

const LEARNING_RATE: f64 = 1e-2;
/// The number of recorded steps.
const STEPS: usize = 10;
/// The number of weight tensors in the recording.
const TENSORS: usize = 3;

/// The recorded optimizers: the name of their weights in the recording, and how weights decay.
const DECAYS: [(&str, WeightDecay); 3] = [
    ("weights", WeightDecay::NONE),
    ("l2", WeightDecay::L2(0.1)),
    ("adamw", WeightDecay::Decoupled(0.1)),
];

/// The recording of one optimizer in one number type.
struct Recording {
    /// `weights`, `l2` or `adamw`.
    optimizer: &'static str,
    decay: WeightDecay,
    /// Tensors by name, e.g. `float32/gradient.3.0`: tensor 0 in step 3.
    values: HashMap<String, Tensor>,
    /// `float32` or `float64`.
    name: &'static str,
    /// Machine epsilon: the distance of 1 to the next larger number.
    epsilon: f64,
}

impl Recording {
    /// Reads the recordings of all optimizers in float32 and float64.
    fn all() -> Vec<Recording> {
        let kinds = [
            ("float32", f64::from(f32::EPSILON)),
            ("float64", f64::EPSILON),
        ];
        let of_kind = |(name, epsilon)| {
            DECAYS.map(|(optimizer, decay)| Recording {
                optimizer,
                decay,
                values: tensors("adam/adam.safetensors"),
                name,
                epsilon,
            })
        };
        kinds.into_iter().flat_map(of_kind).collect()
    }

    /// Returns `what`, e.g. `gradient.3`, of all tensors.
    fn get(&self, what: &str) -> Vec<Tensor> {
        (0..TENSORS)
            .map(|index| self.values[&format!("{}/{what}.{index}", self.name)].copy())
            .collect()
    }

    /// Returns the recorded initial weights and a new optimizer of them.
    fn start(&self) -> (Vec<Tensor>, Adam) {
        on(&self.get("start"), self.decay)
    }

    /// Makes step number `step` with the recorded gradients: the loss Σ gradient · weight has just these.
    fn step(&self, weights: &[Tensor], adam: &mut Adam, step: usize) {
        let gradients = self.get(&format!("gradient.{step}"));
        let parts: Vec<Tensor> = weights
            .iter()
            .zip(&gradients)
            .map(|(weight, gradient)| (weight * gradient).sum(None))
            .collect();
        let loss = Tensor::stack(&parts, 0).sum(None);
        adam.step(&loss, LEARNING_RATE).unwrap();
    }

    /// Asserts that the weights are those recorded after `step`, up to four rounding errors of an update, or eight
    /// with weight decay.
    fn check(&self, weights: &[Tensor], step: usize) {
        for (index, (found, expected)) in weights
            .iter()
            .zip(self.get(&format!("{}.{step}", self.optimizer)))
            .enumerate()
        {
            let errors = match self.decay {
                decay if decay == WeightDecay::NONE => 4.0,
                // PyTorch multiplies and adds the decay with one rounding, we with two.
                _ => 8.0,
            };
            let allowed = (expected.abs() + LEARNING_RATE) * (errors * self.epsilon);
            let excess = ((found - &expected).abs() - allowed)
                .max()
                .double_value(&[]);
            assert!(
                excess <= 0.0,
                "{} {} tensor {index} after step {step}: {found:?}, expected {expected:?}",
                self.name,
                self.optimizer
            );
        }
    }
}

/// Returns trainable copies of `values` and a new optimizer of them.
fn on(values: &[Tensor], decay: WeightDecay) -> (Vec<Tensor>, Adam) {
    let weights: Vec<Tensor> = values
        .iter()
        .map(|tensor| tensor.copy().set_requires_grad(true))
        .collect();
    let clones = weights.iter().map(Tensor::shallow_clone).collect();
    (weights, Adam::new(clones, decay).unwrap())
}

#[test]
fn ten_steps_are_pytorchs() {
    for recording in Recording::all() {
        let (weights, mut adam) = recording.start();
        for step in 1..=STEPS {
            recording.step(&weights, &mut adam, step);
            recording.check(&weights, step);
        }
        let start = recording.get("start");
        let moved = (&start[1] - &weights[1]).abs().max().double_value(&[]);
        assert!(moved > LEARNING_RATE, "{moved}");
        // This element's recorded gradient is 0 in every step, so it moves by decay alone.
        let moved = (start[0].get(0) - weights[0].get(0)).double_value(&[]);
        assert_eq!(
            moved == 0.0,
            recording.decay == WeightDecay::NONE,
            "{moved}"
        );
    }
}

/// After each number of steps from 1 to 9, weights and optimizer state are saved to a file and read again. The
/// remaining steps must give the same bits as ten steps in one go.
#[test]
fn a_saved_state_goes_on_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    for recording in Recording::all() {
        let (whole, mut adam) = recording.start();
        for step in 1..=STEPS {
            recording.step(&whole, &mut adam, step);
        }
        for broken_off in 1..STEPS {
            let (weights, mut adam) = recording.start();
            for step in 1..=broken_off {
                recording.step(&weights, &mut adam, step);
            }
            let ([first, second], steps) = adam.state();
            assert_eq!(steps, broken_off as i64);
            let mut saved = vec![("first".to_owned(), first), ("second".to_owned(), second)];
            for (index, weight) in weights.iter().enumerate() {
                saved.push((index.to_string(), weight.shallow_clone()));
            }
            let file = folder.path().join("state.safetensors");
            checkpoint::save(&file, &saved, &Metadata::new()).unwrap();

            let read: HashMap<_, _> = checkpoint::load(&file).unwrap().0.into_iter().collect();
            let values: Vec<Tensor> = (0..TENSORS)
                .map(|index| read[&index.to_string()].shallow_clone())
                .collect();
            let (weights, mut adam) = on(&values, recording.decay);
            let moments = ["first", "second"].map(|name| read[name].shallow_clone());
            adam.restore(&moments, steps).unwrap();
            for step in broken_off + 1..=STEPS {
                recording.step(&weights, &mut adam, step);
            }
            for (found, expected) in weights.iter().zip(&whole) {
                assert_eq!(
                    found, expected,
                    "{} {} broken off after {broken_off} steps",
                    recording.name, recording.optimizer
                );
            }
        }
    }
}

/// A tensor that the loss does not depend on is not moved.
#[test]
fn weights_outside_the_loss_stay() {
    let values = [3.0, -2.0].map(|value| Tensor::from_slice(&[value]).to_kind(Kind::Float));
    let (weights, mut adam) = on(&values, WeightDecay::NONE);
    for _ in 0..3 {
        let loss = weights[0].square().sum(None);
        adam.step(&loss, LEARNING_RATE).unwrap();
    }
    assert_eq!(weights[1], values[1]);
    let moved = (&weights[0] - &values[0]).double_value(&[0]);
    assert!((moved + 3.0 * LEARNING_RATE).abs() < 1e-4, "{moved}");
}

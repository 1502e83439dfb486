//! `trainer pace`: how long this machine takes for a plain training step, from a few steps with random weights
//! and images. `cargo xtask reproduce` sizes recipes for own data by it.

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::guide::objective;
use crate::network::{Backbone, Model};
use crate::train::adam::{Adam, WeightDecay};

/// How long steps are timed; the first step, in which memory is allocated, comes before.
const LEAST: Duration = Duration::from_secs(4);
/// Classes of the network's head; their number does not matter.
const CLASSES: usize = 20;
/// The learning rate; the weights are thrown away.
const LEARNING_RATE: f64 = 1e-4;

/// Times steps of `n_images` images of a height and width; returns seconds for each image.
///
/// # Errors
/// libtorch's, and images of a size that the network does not take.
pub fn seconds_an_image(
    backbone: Backbone,
    [height, width]: [usize; 2],
    n_images: i64,
) -> Result<f64> {
    let model = Model::new(backbone, CLASSES, 0, Device::Cpu, Kind::Float)?;
    let mut adam = Adam::new(model.params.trained(), WeightDecay::L2(0.0))?;
    let number = (Kind::Float, Device::Cpu);
    let images = Tensor::f_rand([n_images, height as i64, width as i64, 3], number)?;
    let targets = Tensor::f_zeros([n_images, CLASSES as i64], number)?;
    let mut step = || -> Result<()> {
        let input = model.encode_scaled(&images)?;
        let terms = objective::plain(&model, &input, &targets)?;
        let gradient = adam.gradient(&terms.total)?;
        adam.apply(&gradient, LEARNING_RATE)?;
        Ok(())
    };
    step()?;
    let (started, mut steps) = (Instant::now(), 0);
    while started.elapsed() < LEAST {
        step()?;
        steps += 1;
    }
    Ok(started.elapsed().as_secs_f64() / f64::from(steps) / n_images as f64)
}

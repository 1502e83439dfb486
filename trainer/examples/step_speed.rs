//! Times training steps and explanations of one backbone on random images, for `cargo xtask bench training`.
//!
//! Reads a step's name from each line of stdin, makes that step, and prints a line of JSON: seconds per image,
//! and the process's peak memory so far in MiB. The steps are `plain` (training without guidance),
//! `guided@LAYER` (training with a loss on the attribution maps of that layer), `explain@LAYER` (maps without
//! training); an empty line does nothing. As the caller decides when each step is made, it can time other
//! programs in between.

use std::io::Write;
use std::time::Instant;

use clap::Parser;
use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::guide::loss::Loss;
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets};
use trainer::machine::device;
use trainer::machine::process;
use trainer::names::{Layer, Precision};
use trainer::network::{Backbone, Mode, Model};
use trainer::train::adam::{Adam, WeightDecay};
use trainer::weights::described;

#[derive(Parser)]
struct Args {
    // A name, or the file of a network that `trainer import` made of an exported one.
    #[arg(long, value_parser = described::named_or_file)]
    backbone: Backbone,
    // Images a batch.
    #[arg(long, default_value_t = 8)]
    batch: i64,
    // Height and width of the images in pixels.
    #[arg(long, default_value_t = 224)]
    size: i64,
    #[arg(long, default_value = "cpu")]
    device: String,
    #[arg(long, default_value = "f32")]
    precision: Precision,
    #[arg(long)]
    threads: Option<u16>,
}

/// As many as PASCAL VOC has.
const N_CLASSES: usize = 20;
/// As small as in fine-tuning; the time of a step does not depend on it.
const LEARNING_RATE: f64 = 1e-5;

/// A network with its optimizer, and one batch, on which every step is made.
struct Bench {
    model: Model,
    adam: Adam,
    /// Bytes: (images, height, width, 3).
    images: Tensor,
    /// (images, classes), all 0.
    targets: Tensor,
    attribution: Attribution,
    /// Every image is annotated, with one class and a mask over its middle.
    mask_targets: MaskTargets,
}

impl Bench {
    /// Makes an unguided training step.
    fn plain(&mut self) -> anyhow::Result<()> {
        let input = self.model.encode(&self.images)?;
        let terms = objective::plain(&self.model, &input, &self.targets)?;
        Ok(self.adam.step(&terms.total, LEARNING_RATE)?)
    }

    /// Makes a training step guided by the Energy loss at `layer`.
    fn guided(&mut self, layer: Layer) -> anyhow::Result<()> {
        let input = self.model.encode(&self.images)?;
        let term = LocalizationTerm {
            attribution: self.attribution,
            layer,
            loss: Loss::new(ENERGY, &[]).map_err(anyhow::Error::msg)?,
            // Any weight of the loss takes the same time.
            lambda: 1e-3,
        };
        let mask_targets = &self.mask_targets;
        let terms = objective::guided(&self.model, &input, &self.targets, &term, mask_targets)?;
        Ok(self.adam.step(&terms.total, LEARNING_RATE)?)
    }

    /// Explains two batches, of images with two classes and of images with one: as in VOC, an image has one
    /// and a half classes on average, and `trainer explain` sorts images by that number.
    fn explain(&self, layer: Layer) -> anyhow::Result<()> {
        self.explain_classes(layer, 2)?;
        self.explain_classes(layer, 1)
    }

    /// Computes `n_classes` maps for each image of the batch and copies them to the CPU.
    fn explain_classes(&self, layer: Layer, n_classes: usize) -> anyhow::Result<()> {
        let input = self.model.encode(&self.images)?;
        let features = tch::no_grad(|| self.model.features(&input, layer, Mode::Eval))?;
        let explainable = Explainable::new(
            &self.model,
            self.attribution,
            layer,
            &features,
            Mode::Eval,
            Order::First,
        )?;
        for _ in 0..n_classes {
            let maps = explainable.maps(&self.mask_targets.pairs)?;
            let _ = maps.f_to_device(Device::Cpu)?;
        }
        Ok(())
    }

    /// Makes the step `name`; returns how many batches it used, by which its time is divided (1 for an empty
    /// name).
    fn step(&mut self, name: &str) -> anyhow::Result<i64> {
        let layer = |name: &str| name.parse().map_err(anyhow::Error::msg);
        match name.split_once('@') {
            None if name.is_empty() => Ok(1),
            None if name == "plain" => self.plain().map(|()| 1),
            Some(("guided", at)) => self.guided(layer(at)?).map(|()| 1),
            Some(("explain", at)) => self.explain(layer(at)?).map(|()| 2),
            _ => anyhow::bail!("found {name}, expected plain, guided@LAYER or explain@LAYER"),
        }
    }
}

/// Returns the process's peak memory in MiB as JSON: a number, or null where `/proc` does not tell it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .map_or("null".to_owned(), |kib: f64| format!("{:.1}", kib / 1024.0))
}

fn main() -> anyhow::Result<()> {
    process::settle();
    let args = Args::parse();
    let device = device::choose(&args.device).map_err(|reason| anyhow::anyhow!(reason))?;
    if let Some(threads) = args.threads {
        device::bound_threads(threads)?;
    }
    tch::manual_seed(0);
    let n = args.batch;
    let mut model = Model::new(args.backbone, N_CLASSES, 0, device, Kind::Float)?;
    model.precision = device::allow(args.precision, device)?;
    let shape = [n, args.size, args.size, 3];
    let masks = Tensor::zeros([n, args.size, args.size], (Kind::Float, device));
    let (quarter, half) = (args.size / 4, args.size / 2);
    let _ = masks
        .narrow(1, quarter, half)
        .narrow(2, quarter, half)
        .fill_(1.0);
    let mut bench = Bench {
        adam: Adam::new(model.params.trained(), WeightDecay::NONE)?,
        images: Tensor::randint(255, shape, (Kind::Uint8, device)),
        targets: Tensor::zeros([n, N_CLASSES as i64], (Kind::Float, device)),
        attribution: Attribution::usual(args.backbone),
        mask_targets: MaskTargets {
            pairs: (0..n).map(|row| (row, row % N_CLASSES as i64)).collect(),
            annotated: (0..n).collect(),
            masks,
            areas: Vec::new(),
        },
        model,
    };
    for name in std::io::stdin().lines() {
        let started = Instant::now();
        let n_batches = bench.step(name?.trim())?;
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        let seconds = started.elapsed().as_secs_f64() / (n * n_batches) as f64;
        let peak = peak_memory();
        println!("{{\"seconds_per_image\": {seconds:.6}, \"peak_mib\": {peak}}}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

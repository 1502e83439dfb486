//! What `cargo xtask bench training` times: training steps and explanations of one backbone on random
//! images, in seconds per image, as one line of JSON each. Every kind of step takes its turn in
//! every round, so all meet the same machine.

use std::time::Instant;

use clap::Parser;
use tch::{Device, Kind, Tensor};
use trainer::adam::Adam;
use trainer::attribution::{Explainable, Order};
use trainer::backbone::{Mode, Model};
use trainer::device;
use trainer::names::{Attribution, Backbone, Layer, LocalizationLoss};
use trainer::objective::{self, Explained, Guide};

#[derive(Parser)]
struct Args {
    #[arg(long)]
    backbone: Backbone,
    /// Where guided steps guide and explanations explain
    #[arg(long, value_delimiter = ',', default_value = "input,final")]
    layers: Vec<Layer>,
    #[arg(long, default_value_t = 8)]
    batch: i64,
    #[arg(long, default_value_t = 224)]
    size: i64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long, default_value = "cpu")]
    device: String,
    #[arg(long)]
    threads: Option<i32>,
}

const N_CLASSES: usize = 20;

struct Bench {
    model: Model,
    adam: Adam,
    images: Tensor,
    targets: Tensor,
    attribution: Attribution,
    explained: Explained,
}

impl Bench {
    fn plain(&mut self) -> anyhow::Result<()> {
        let input = self.model.encode(&self.images)?;
        let terms = objective::plain(&self.model, &input, &self.targets)?;
        Ok(self.adam.step(&terms.total)?)
    }

    fn guided(&mut self, layer: Layer) -> anyhow::Result<()> {
        let input = self.model.encode(&self.images)?;
        let guide = Guide {
            attribution: self.attribution,
            layer,
            loss: LocalizationLoss::Energy,
            lambda: 1e-3,
        };
        let explained = &self.explained;
        let terms = objective::guided(&self.model, &input, &self.targets, guide, explained)?;
        Ok(self.adam.step(&terms.total)?)
    }

    /// One and a half classes an image, as in VOC.
    fn explain(&mut self, layer: Layer) -> anyhow::Result<()> {
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
        let pairs = &self.explained.pairs;
        for rank in [pairs.as_slice(), &pairs[..pairs.len() / 2]] {
            let _ = explainable.maps(rank)?.f_to_device(Device::Cpu)?;
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let device = device::choose(&args.device).map_err(|reason| anyhow::anyhow!(reason))?;
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads);
    }
    tch::manual_seed(0);
    let n = args.batch;
    let model = Model::new(args.backbone, N_CLASSES, 0, device, Kind::Float);
    let shape = [n, args.size, args.size, 3];
    let masks = Tensor::zeros([n, args.size, args.size], (Kind::Float, device));
    let (quarter, half) = (args.size / 4, args.size / 2);
    let _ = masks
        .narrow(1, quarter, half)
        .narrow(2, quarter, half)
        .fill_(1.0);
    let mut bench = Bench {
        adam: Adam::new(model.params.trained(), 1e-5)?,
        images: Tensor::randint(255, shape, (Kind::Uint8, device)),
        targets: Tensor::zeros([n, N_CLASSES as i64], (Kind::Float, device)),
        attribution: match args.backbone.is_bcos() {
            true => Attribution::Bcos,
            false => Attribution::Ixg,
        },
        explained: Explained {
            pairs: (0..n).map(|row| (row, row % N_CLASSES as i64)).collect(),
            annotated: (0..n).collect(),
            masks,
            area_powers: None,
        },
        model,
    };
    type Step = fn(&mut Bench, Layer) -> anyhow::Result<()>;
    let mut steps: Vec<(String, Layer, Step)> =
        vec![("plain".to_owned(), Layer::Input, |bench, _| bench.plain())];
    for &layer in &args.layers {
        steps.push((format!("guided@{layer}"), layer, Bench::guided));
        steps.push((format!("explain@{layer}"), layer, Bench::explain));
    }
    for round in 0..=args.rounds {
        for (what, layer, step) in &steps {
            let started = Instant::now();
            step(&mut bench, *layer)?;
            if let Device::Cuda(index) = device {
                tch::Cuda::synchronize(index as i64);
            }
            let seconds = started.elapsed().as_secs_f64() / n as f64;
            // The first round warms up.
            if round > 0 {
                println!("{{\"what\": \"{what}\", \"seconds_per_image\": {seconds:.6}}}");
            }
        }
    }
    Ok(())
}

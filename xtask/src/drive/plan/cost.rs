//! Estimates how long the steps of a plan take (runs trained, checkpoints explained and scored): how many images
//! go through a network in which way (see [`Way`]), how many programs start, and the seconds for each.
//!
//! The seconds come from the tables here, of networks whose training step was timed before the start from that pace,
//! until steps have finished. Then they come from measured rates, which are kept in `rates.toml` of the out folder
//! (the folder of the reproduction's results). Only the expected times that people are told depend on that file.

use std::path::Path;

use anyhow::{Result, bail};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::drive::device::Device;
use crate::drive::recipe::{Data, Experiment, Run, RunIndex, Selection};
use crate::system::{files, lock, paths};

/// A kind of work. All but the first are counted in images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// A program's start and end.
    Start,
    /// Training without guidance.
    Plain,
    /// Training that is guided at this layer.
    Guided(String),
    /// Explaining at this layer in the validation after an epoch.
    Validate(String),
    /// Explaining at this layer and scoring.
    Explain(String),
    /// Asking the network alone, for altered images.
    Ask,
}

/// An amount of work of one kind: images through one network, or starts of programs. Precision, attribution
/// method and micro-batches are left out: a plan seldom mixes them for one network, and once steps have run,
/// measured times hold them. Before that, times are for f32 and a method of one backward pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    way: Way,
    /// The network's name.
    backbone: String,
    /// Height and width of the input.
    size: u32,
    /// The number of images or of starts.
    times: f64,
}

/// The number of checkpoints on the Pareto front of a selection (guided runs of one seed that differ in λ
/// alone) that is expected of long runs. In a reproduction of the paper, fronts over 150 epochs had 2 to 67
/// checkpoints; 12 was a common number.
const MOST_CHOSEN: f64 = 12.0;
/// The share of epochs that is expected on the front of short runs, where that is fewer than `MOST_CHOSEN`; a
/// rough guess.
const CHOSEN: f64 = 1.0 / 3.0;

/// Altered images that `trainer faithfulness` makes of a pair of an image and a class: with each of two baselines two
/// curves of 29, and three or six for regions, of two each.
const ALTERED: f64 = 130.0;

impl Work {
    /// The work of training `run`, with a validation after each epoch, where no early stopping ends it.
    pub(crate) fn of_run(experiment: &Experiment, run: &Run) -> Vec<Work> {
        Work::of_epochs(experiment, run, run.hyperparameters.epochs)
    }

    /// The work of training `run` for this number of epochs.
    pub(crate) fn of_epochs(experiment: &Experiment, run: &Run, epochs: u32) -> Vec<Work> {
        let data = &experiment.data[run.data];
        let epochs = f64::from(epochs);
        let [n_train, n_val, _] = n_images(data);
        let way = match &run.guidance {
            None => Way::Plain,
            Some(_) => Way::Guided(run.layer.clone()),
        };
        let validate = Way::Validate(run.layer.clone());
        let work = |way, times| Work::new(way, run, data, times);
        vec![
            work(Way::Start, 1.0),
            work(way, epochs * n_train),
            work(validate, epochs * n_val),
        ]
    }

    /// The work of scoring the checkpoints that are expected to be chosen.
    pub(crate) fn of_scores(experiment: &Experiment, selection: &Selection) -> Vec<Work> {
        let runs = selection.runs.iter().map(|&index| experiment.run(index));
        let epochs = runs
            .clone()
            .map(|run| f64::from(run.hyperparameters.epochs));
        let n_chosen = match runs.clone().any(|run| run.guidance.is_some()) {
            true => (CHOSEN * epochs.sum::<f64>()).clamp(1.0, MOST_CHOSEN),
            false => 1.0,
        };
        let Some(run) = runs.clone().next() else {
            return Vec::new();
        };
        let maps = selection.maps.iter();
        let each = maps.flat_map(|maps| Work::of_score(experiment, run, &maps.layer));
        let scores = each.map(|work| Work {
            times: n_chosen * work.times,
            ..work
        });
        // Of one checkpoint, or, as nothing tells which stands for guided runs without a baseline, of all.
        let n_measured = match (run.guidance.is_some(), run.baseline()) {
            (true, None) => n_chosen,
            _ => 1.0,
        };
        let measured = selection.maps.iter();
        let measured = measured.flat_map(|_| Work::of_faithfulness(experiment, run));
        let measured = measured.map(|work| Work {
            times: n_measured * work.times,
            ..work
        });
        scores.chain(measured).collect()
    }

    /// The work of measuring how faithful one checkpoint's maps are; none where the recipe does not ask for it.
    pub(crate) fn of_faithfulness(experiment: &Experiment, run: &Run) -> Vec<Work> {
        let Some(pairs) = experiment.evaluation.faithfulness else {
            return Vec::new();
        };
        let data = &experiment.data[run.data];
        let [_, _, n_test] = n_images(data);
        // There are more pairs than images only where images show several classes; how many is not known here.
        let pairs = f64::from(pairs).min(n_test);
        vec![
            Work::new(Way::Start, run, data, 1.0),
            Work::new(Way::Ask, run, data, pairs * ALTERED),
        ]
    }

    /// The work of timing steps of `runs` in turn.
    pub(crate) fn of_times(experiment: &Experiment, runs: &[RunIndex]) -> Vec<Work> {
        let rounds = f64::from(experiment.evaluation.step_times.unwrap_or(0) + 1);
        let of_run = |&index: &RunIndex| {
            let run = experiment.run(index);
            let images = run.micro_batch.unwrap_or(run.hyperparameters.batch_size);
            let way = Way::Guided(run.layer.clone());
            Work::new(
                way,
                run,
                &experiment.data[run.data],
                rounds * f64::from(images),
            )
        };
        runs.iter().map(of_run).collect()
    }

    /// The work of scoring one checkpoint of `run` with maps at `layer`, on validation and test images.
    pub(crate) fn of_score(experiment: &Experiment, run: &Run, layer: &str) -> [Work; 2] {
        let data = &experiment.data[run.data];
        let [_, n_val, n_test] = n_images(data);
        let explain = Way::Explain(layer.to_owned());
        [
            // Two starts, for validation and for test images: each is a trainer, and an evaluator that reads
            // from it and starts beside it.
            Work::new(Way::Start, run, data, 2.0),
            Work::new(explain, run, data, n_val + n_test),
        ]
    }

    /// A plain training step's work for one image of height and width `size`.
    pub(crate) fn plain_image(backbone: &str, size: u32) -> Work {
        Work {
            way: Way::Plain,
            backbone: backbone.to_owned(),
            size,
            times: 1.0,
        }
    }

    /// The same work so many times.
    #[cfg(test)]
    pub(crate) fn times(self, times: f64) -> Work {
        Work { times, ..self }
    }

    /// Work of `way` with the network of `run`, `times` times.
    fn new(way: Way, run: &Run, data: &Data, times: f64) -> Work {
        Work {
            way,
            backbone: run.backbone.clone(),
            size: data.size,
            times,
        }
    }
}

/// The number of images of train, val and test, after the recipe's limits.
fn n_images(data: &Data) -> [f64; 3] {
    let all = data.n_images();
    let limits = [data.limit.train, data.limit.val, data.limit.test];
    std::array::from_fn(|split| f64::from(limits[split].unwrap_or(u32::MAX).min(all[split])))
}

/// The devices that work on a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed {
    pub(crate) device: Device,
    /// The number of devices that work at the same time.
    pub(crate) n_devices: usize,
}

/// Seconds of a plain (unguided) training step for one image of 224×224 on two CPU cores. docs/benchmarks.md
/// has the ResNet-50s; the other networks are estimated by their processor time. For other sizes the time is in
/// proportion to the number of pixels.
const CPU_PLAIN: [(&str, f64); 14] = [
    ("resnet18", 0.073),
    ("resnet50", 0.101),
    ("xdnn_resnet18", 0.068),
    ("xdnn_resnet50", 0.093),
    ("bcos_resnet18", 0.080),
    ("bcos_resnet50", 0.105),
    ("bcos_densenet121", 0.13),
    ("bcos_simple_vit_s", 0.17),
    ("bcos_vitc_s", 0.16),
    ("efficientnet_lite0", 0.033),
    ("efficientnet_lite1", 0.046),
    ("efficientnet_lite2", 0.055),
    ("bcosified_efficientnet_lite0", 0.1),
    ("bcosified_efficientnet_lite1", 0.14),
];
/// Seconds of a network that `CPU_PLAIN` does not have: a ResNet-50's.
const UNKNOWN: f64 = 0.101;
/// Time of a B-cosified network that `CPU_PLAIN` does not have over that of the network that it is made of: the ratio of
/// EfficientNet-Lite0's two.
const BCOSIFIED: f64 = 0.1 / 0.033;
/// Seconds that a start takes (estimated): libtorch is loaded, and after an explanation the evaluator draws its
/// bootstrap resamples.
const START: f64 = 2.0;
/// Time of a guided step over that of a plain step, at input, mid1, mid2, mid3 and final
/// (docs/benchmarks.md has both ends; a GPU's ratios are near these).
const GUIDED: [f64; 5] = [2.0, 1.8, 1.4, 1.15, 1.05];
/// Time of an explanation over that of a plain step, likewise.
const EXPLAIN: [f64; 5] = [0.95, 0.8, 0.6, 0.4, 0.3];
/// Time of a forward pass without gradients over that of a plain step, likewise.
const ASK: f64 = 0.25;

/// Seconds of a plain step for one image on one H200 in f32, as 1 / (images per second) of docs/benchmarks.md.
/// For another network, the time of the ResNet-50 of its kind (X-DNN, B-cos, or plain, as which B-cosified networks
/// count) is scaled by the ratio of their times on the CPU.
const H200_PLAIN: [(&str, f64); 4] = [
    ("resnet50", 1.0 / 714.0),
    ("xdnn_resnet50", 1.0 / 771.0),
    ("bcos_resnet50", 1.0 / 468.0),
    ("efficientnet_lite0", 1.0 / 1439.0),
];

/// Seconds of a plain step for one image of 224×224 on two CPU cores, of the network called `name`.
fn on_cpu(name: &str) -> f64 {
    let found = CPU_PLAIN.iter().find(|(known, _)| *known == name);
    match (found, name.strip_prefix("bcosified_")) {
        (Some((_, seconds)), _) => *seconds,
        (None, Some(vanilla)) => BCOSIFIED * on_cpu(vanilla),
        (None, None) => UNKNOWN,
    }
}

/// Seconds for `work` by the tables above.
fn expected(work: &Work, device: Device) -> f64 {
    if work.way == Way::Start {
        return work.times * START;
    }
    let layers = ["input", "mid1", "mid2", "mid3", "final"];
    let at = |layer: &str, factors: [f64; 5]| {
        let depth = layers.iter().position(|&name| name == layer);
        factors[depth.unwrap_or(0)] // an unknown layer counts as the input, the most expensive
    };
    let plain = match device {
        Device::Cpu => on_cpu(&work.backbone),
        Device::Cuda => {
            let name = work.backbone.as_str();
            let measured = |like: &str| H200_PLAIN.iter().find(|(known, _)| *known == like);
            let of_its_kind = || match name.split('_').next() {
                Some("bcos") => measured("bcos_resnet50"),
                Some("xdnn") => measured("xdnn_resnet50"),
                _ => measured("resnet50"),
            };
            let (like, seconds) = measured(name)
                .or_else(of_its_kind)
                .unwrap_or(&H200_PLAIN[0]);
            seconds * on_cpu(name) / on_cpu(like)
        }
    };
    let factor = match &work.way {
        Way::Start | Way::Plain => 1.0,
        Way::Guided(layer) => at(layer, GUIDED),
        Way::Validate(layer) | Way::Explain(layer) => at(layer, EXPLAIN),
        Way::Ask => ASK,
    };
    let pixels = (f64::from(work.size) / 224.0).powi(2);
    work.times * plain * factor * pixels
}

/// One measured rate: `times` images or starts took `seconds` together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rate {
    way: Way,
    backbone: String,
    size: u32,
    device: Device,
    times: f64,
    seconds: f64,
}

/// The content of `rates.toml`: what was measured in an out folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rates {
    #[serde(default)]
    rate: Vec<Rate>,
    /// Rates of training steps that were timed before the start; not in the file.
    #[serde(skip)]
    paces: Vec<Rate>,
}

impl Rates {
    /// The rates in the folder `out`; empty where it has none.
    ///
    /// # Errors
    /// A file that is not this program's, or damaged.
    pub(crate) fn read(out: &Path) -> Result<Rates> {
        let file = out.join(RATES);
        if !file.is_file() {
            return Ok(Rates::default());
        }
        let rates: Rates = files::read_toml(&file)?;
        for Rate { times, seconds, .. } in &rates.rate {
            if !(*times > 0.0 && *seconds >= 0.0 && times.is_finite() && seconds.is_finite()) {
                let file = paths::shown(&file);
                bail!("{file}: rate: found {seconds} seconds for {times} times, expected a rate");
            }
        }
        Ok(rates)
    }

    /// The rates in the folder `out`; empty, with a warning, where they cannot be read.
    pub(crate) fn read_or_warn(out: &Path) -> Rates {
        Rates::read(out).unwrap_or_else(|error| {
            eprintln!("warning: {error:#}: expected times are made without what was measured here");
            Rates::default()
        })
    }

    /// The same rates, with `paces` of training steps that were timed before the start. They stand in for rates of
    /// networks of which no step has finished.
    pub(crate) fn with_paces(self, paces: Rates) -> Rates {
        Rates {
            paces: paces.rate,
            ..self
        }
    }

    /// Whether anything was measured on `device`.
    pub(crate) fn are_measured(&self, device: Device) -> bool {
        on(&self.rate, device).next().is_some()
    }

    /// Whether a training step was timed on `device` before the start.
    pub(crate) fn have_paces(&self, device: Device) -> bool {
        on(&self.paces, device).next().is_some()
    }

    /// Expected seconds for `work` on one device.
    pub(crate) fn seconds(&self, work: &[Work], device: Device) -> f64 {
        let each = work.iter().map(|work| match self.measured(work, device) {
            Some(rate) => work.times * rate.seconds / rate.times,
            None => self.pace(work, device) * expected(work, device),
        });
        each.sum()
    }

    /// The measured rate of this work on `device`.
    fn measured(&self, work: &Work, device: Device) -> Option<&Rate> {
        self.rate.iter().find(|rate| rate.is_of(work, device))
    }

    /// How much slower `device` is than the tables say: measured seconds over those expected for them, of the
    /// network's own steps, else of its own pace, else of all steps, else of all paces; 1 where nothing is measured.
    fn pace(&self, work: &Work, device: Device) -> f64 {
        let is_own = |rate: &&Rate| rate.backbone == work.backbone && rate.way != Way::Start;
        let known: [Vec<&Rate>; 4] = [
            on(&self.rate, device).filter(is_own).collect(),
            on(&self.paces, device).filter(is_own).collect(),
            on(&self.rate, device).collect(),
            on(&self.paces, device).collect(),
        ];
        let rates = known.into_iter().find(|rates| !rates.is_empty());
        let rates = rates.unwrap_or_default();
        let (measured, expected) = rates.into_iter().fold((0.0, 0.0), |(measured, sum), rate| {
            (
                measured + rate.seconds,
                sum + expected(&rate.work(), device),
            )
        });
        match expected > 0.0 {
            true => measured / expected,
            false => 1.0,
        }
    }

    /// Adds a measurement to the rates in `out`: `work` took `seconds` on one device. Rates that cannot
    /// be read are replaced, after a warning.
    pub(crate) fn record(out: &Path, work: &[Work], device: Device, seconds: f64) -> Result<()> {
        if work.is_empty() {
            return Ok(());
        }
        // Several steps may end at the same time, perhaps on several machines.
        let lock = fs::File::create(out.join("rates.lock"))?;
        lock::take(&lock, "rates.toml is being written: waiting for it")?;
        let mut rates = Rates::read_or_warn(out);
        rates.add(work, device, seconds);
        files::write(&out.join(RATES), &toml::to_string(&rates)?)
    }

    /// Adds a measurement. `seconds` are of all `work` together; they are divided among its kinds in the
    /// proportion that the tables expect.
    pub(crate) fn add(&mut self, work: &[Work], device: Device, seconds: f64) {
        let total: f64 = work.iter().map(|work| expected(work, device)).sum();
        if total <= 0.0 {
            return;
        }
        for work in work {
            let share = seconds * expected(work, device) / total;
            match self.rate.iter_mut().find(|rate| rate.is_of(work, device)) {
                Some(rate) => {
                    rate.times += work.times;
                    rate.seconds += share;
                }
                None => self.rate.push(Rate {
                    way: work.way.clone(),
                    backbone: work.backbone.clone(),
                    size: work.size,
                    device,
                    times: work.times,
                    seconds: share,
                }),
            }
        }
    }
}

/// Those of `rates` that were measured on `device`.
fn on(rates: &[Rate], device: Device) -> impl Iterator<Item = &Rate> {
    rates.iter().filter(move |rate| rate.device == device)
}

impl Rate {
    /// Whether it is the rate of this kind of work on `device`.
    fn is_of(&self, work: &Work, device: Device) -> bool {
        self.device == device
            && (&self.way, &self.backbone, self.size) == (&work.way, &work.backbone, work.size)
    }

    /// The work that was measured.
    fn work(&self) -> Work {
        Work {
            way: self.way.clone(),
            backbone: self.backbone.clone(),
            size: self.size,
            times: self.times,
        }
    }
}

/// The name of the file in the out folder.
const RATES: &str = "rates.toml";

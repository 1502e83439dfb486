//! Tells how runs (trainings) were trained, and whether two were trained alike. The paper compares losses,
//! annotations, layers, methods and networks. Everything else that decides a result is in [`Training`]: if runs
//! are compared, it must be the same, or the report tells the differences ([`differences`]).
//!
//! This file also finds a guided run's baseline ([`baseline`]), a run without guidance. A guided run usually starts
//! from its baseline and names it; their trainings differ, e.g. in the number of epochs.

use std::collections::BTreeMap;

use crate::format::{counted, number};
use crate::model::configuration::Amount;
use crate::model::names;
use crate::model::run::Run;

/// Everything in `run.parquet` that decides a run's result, except its network, its guidance and the
/// guided maps, its task, λ and seed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Training {
    /// Epochs configured.
    pub epochs: i32,
    /// Learning rate.
    pub learning_rate: Amount,
    /// Images in an optimization step.
    pub batch_size: i32,
    /// Optimizer and weight decay.
    pub optimizer: (String, Amount),
    /// How the learning rate goes on after warm-up (`constant` or `cosine`), and the number of warm-up steps.
    pub schedule: (String, i64),
    /// `none`, or metric and patience.
    pub early_stopping: String,
    /// `none` or `crop_flip`.
    pub augmentation: String,
    /// `none`, or the strengths.
    pub color_jitter: String,
    /// How many classes an image shows, `multi` (any number) or `single` (one), and what maps explain, `logit` or
    /// `contrast` (the class's logit minus the mean of the others).
    pub labels: (String, String),
    /// The precision of the training: `f32`, `tf32` or `bf16`.
    pub precision: String,
    /// Input height and width in pixels, numbers of training and validation images. They follow from the data
    /// folder, and tell it to people better than its hash.
    pub data_shape: (i32, i32, i64, i64),
    /// Provenance hash of the data folder.
    pub data: String,
    /// Program and version that trained it.
    pub program: String,
    /// The weights it starts from.
    pub origin: Origin,
}

/// The weights a run starts from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Random weights, or those of a file: the run's `init`, `scratch` or `weights:<sha256>`.
    Weights(String),
    /// An unguided run with this training.
    Baseline(Box<Training>),
    /// A guided run, by the hash of its configuration.
    Guided(String),
    /// A run that is not among the results.
    Missing,
}

/// The longest chain of baselines, each started from the one before, that is followed; beyond it the origin counts
/// as [`Origin::Missing`]. It ends a circle in broken tables.
const DEEPEST: usize = 8;

/// A property of a training. The order is the one in which differences are told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Epochs,
    Rate,
    Batch,
    Optimizer,
    Schedule,
    EarlyStopping,
    Augmentation,
    ColorJitter,
    Labels,
    Precision,
    /// Of the network's input, in pixels.
    Size,
    TrainingImages,
    ValidationImages,
    Data,
    Program,
    /// The first weights.
    Start,
    /// A property of the baseline that the run starts from.
    Baseline(Box<Of>),
}

/// The words for each property of a training.
type Facts = BTreeMap<Of, String>;

impl Training {
    /// The training of `run`, which may have started from one of `runs`.
    pub fn of(run: &Run, runs: &[Run]) -> Self {
        Self::at(run, runs, 0)
    }

    /// The training of `run`, which is `depth` steps up the chain of starting runs from the one asked for.
    fn at(run: &Run, runs: &[Run], depth: usize) -> Self {
        let origin = match &run.baseline_run_id {
            None => Origin::Weights(run.init.clone()),
            Some(id) => match runs.iter().find(|other| other.run_id == *id) {
                Some(parent) if !parent.is_baseline() => {
                    Origin::Guided(parent.configuration.clone())
                }
                Some(parent) if depth < DEEPEST => {
                    Origin::Baseline(Box::new(Self::at(parent, runs, depth + 1)))
                }
                _ => Origin::Missing,
            },
        };
        Self {
            epochs: run.epochs,
            learning_rate: Amount(run.learning_rate),
            batch_size: run.batch_size,
            optimizer: (run.optimizer.clone(), Amount(run.weight_decay)),
            schedule: (run.schedule.clone(), run.warmup_steps),
            early_stopping: run.early_stopping.clone(),
            augmentation: run.augmentation.clone(),
            color_jitter: run.color_jitter.clone(),
            labels: (run.labels.clone(), run.explained.clone()),
            precision: run.precision.clone(),
            data_shape: (run.input_height, run.input_width, run.n_train, run.n_val),
            data: run.data_inputs.clone(),
            program: run.program.clone(),
            origin,
        }
    }

    /// Whether a baseline with this training belongs beside guided runs with the training `guided`: they start from
    /// a baseline with this training, or, if they start from no baseline, they have the same training.
    pub fn is_baseline_of(&self, guided: &Self) -> bool {
        match &guided.origin {
            Origin::Baseline(parent) => **parent == *self,
            _ => guided == self,
        }
    }

    /// This training with only the kind of its first weights (random, or from a file), not their hash, because
    /// weights of different networks cannot be the same.
    pub fn without_weights(mut self) -> Self {
        self.origin = match self.origin {
            Origin::Weights(init) => {
                let kind = init.split(':').next().unwrap_or_default();
                Origin::Weights(kind.to_owned())
            }
            Origin::Baseline(parent) => Origin::Baseline(Box::new(parent.without_weights())),
            other => other,
        };
        self
    }

    /// Puts every property into words, also those of the baseline it starts from.
    fn facts(&self) -> Facts {
        let (height, width, n_train, n_val) = self.data_shape;
        let rate = number(self.learning_rate.0);
        let augmentation = match self.augmentation.as_str() {
            "none" => "no augmentation",
            other => other,
        };
        let optimizer = match &self.optimizer {
            (name, Amount(0.0)) => names::optimizer(name).to_owned(),
            (name, Amount(decay)) => {
                let name = names::optimizer(name);
                format!("{name}, weight decay {}", number(*decay))
            }
        };
        let schedule = match &self.schedule {
            (name, 0) => format!("{name} schedule"),
            (name, steps) => {
                let steps = counted((*steps).max(0) as usize, "step");
                format!("{name} schedule, {steps} of warm-up")
            }
        };
        let labels = match (self.labels.0.as_str(), self.labels.1.as_str()) {
            ("single", "logit") => "softmax".to_owned(),
            ("single", explained) => format!("softmax, {explained} explained"),
            _ => "sigmoids".to_owned(),
        };
        let or_no = |text: &str, what: &str| match text {
            "none" => format!("no {what}"),
            text => format!("{what} {text}"),
        };
        let start = match &self.origin {
            Origin::Weights(init) => match init.split_once(':') {
                Some((kind, hash)) => format!("from {kind} {}", short(hash)),
                None if init == "scratch" => "from random weights".to_owned(),
                None => format!("from {init}"),
            },
            Origin::Baseline(_) => "from a baseline".to_owned(),
            Origin::Guided(hash) => format!("from guided run {}", short(hash)),
            Origin::Missing => "from a run that is not here".to_owned(),
        };
        let mut facts: Facts = [
            (Of::Epochs, counted(self.epochs.max(0) as usize, "epoch")),
            (Of::Rate, format!("learning rate {rate}")),
            (Of::Batch, format!("batches of {}", self.batch_size)),
            (Of::Optimizer, optimizer),
            (Of::Schedule, schedule),
            (
                Of::EarlyStopping,
                or_no(&self.early_stopping, "early stopping"),
            ),
            (Of::Augmentation, augmentation.to_owned()),
            (Of::ColorJitter, or_no(&self.color_jitter, "color jitter")),
            (Of::Labels, labels),
            (Of::Precision, format!("trained in {}", self.precision)),
            (Of::Size, format!("{height} × {width} pixels")),
            (Of::TrainingImages, format!("{n_train} training images")),
            (Of::ValidationImages, format!("{n_val} validation images")),
            (Of::Data, format!("data {}", short(&self.data))),
            (Of::Program, self.program.clone()),
            (Of::Start, start),
        ]
        .into();
        if let Origin::Baseline(parent) = &self.origin {
            // The properties that follow from the data folder are told once, for this training. Of the baseline
            // only the folder's hash is told, and only if it is another one.
            let is_other = parent.data != self.data;
            let is_told = |of: &Of| of.is_data() && !(is_other && *of == Of::Data);
            let theirs = parent.facts().into_iter().filter(|(of, _)| !is_told(of));
            let named = |(of, words)| (Of::Baseline(Box::new(of)), format!("baseline: {words}"));
            facts.extend(theirs.map(named));
        }
        facts
    }
}

impl Of {
    /// Whether it is the hash of a data folder.
    fn is_hash(&self) -> bool {
        match self {
            Self::Baseline(of) => of.is_hash(),
            of => *of == Self::Data,
        }
    }

    /// Whether it follows from the data folder.
    fn is_data(&self) -> bool {
        let data = [
            Self::Size,
            Self::TrainingImages,
            Self::ValidationImages,
            Self::Data,
        ];
        data.contains(self)
    }
}

/// The start of a hash.
fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
}

/// For each of `trainings`, the words that distinguish it from the others; none where all are alike.
/// The hash of a data folder is used only where sizes and numbers of images do not distinguish the
/// data.
pub fn differences(trainings: &[&Training]) -> Vec<Vec<String>> {
    let facts: Vec<Facts> = trainings.iter().map(|training| training.facts()).collect();
    let differs = |of: &Of| facts.iter().any(|other| other.get(of) != facts[0].get(of));
    // For each training, the words of the properties in which some differ.
    let told = |with_hash: bool| -> Vec<Vec<String>> {
        let is_shown = |of: &Of| differs(of) && (with_hash || !of.is_hash());
        let words = |facts: &Facts| {
            let shown = facts.iter().filter(|(of, _)| is_shown(of));
            shown.map(|(_, words)| words.clone()).collect()
        };
        facts.iter().map(words).collect()
    };
    let words = told(false);
    let pairs = || (0..words.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    // Whether two different trainings have the same words.
    let is_ambiguous =
        |(i, j): (usize, usize)| words[i] == words[j] && trainings[i] != trainings[j];
    match pairs().any(is_ambiguous) {
        true => told(true),
        false => words,
    }
}

/// Returns the baseline among `runs` that `run` is compared with: the run that it starts from. If it
/// starts from weights, it is the unguided run with the same data, backbone, seed, weights, program
/// version, augmentation, colour jitter, labels and precision. If there are several, the one with the fewest
/// differences to `run` in what remains (epochs, learning rate, batch size, optimizer, schedule, early stopping
/// and what maps explain) is taken; if there are still several, one of the same task, and then one validated
/// through the method and layer that `run` is guided through.
///
/// # Errors
/// The reason why there is none, in a clause.
pub fn baseline<'a>(run: &Run, runs: &'a [Run]) -> Result<&'a Run, String> {
    if let Some(id) = &run.baseline_run_id {
        return match runs.iter().find(|other| other.run_id == *id) {
            None => Err(format!("its baseline {id} is not among these runs")),
            Some(other) if !other.is_baseline() => Err(format!("{id}, where it starts, is guided")),
            Some(other) if other.data_inputs != run.data_inputs => Err(format!(
                "its baseline {id} is of other data (data_inputs {}, not {})",
                short(&other.data_inputs),
                short(&run.data_inputs)
            )),
            Some(other) if other.backbone != run.backbone => {
                Err(format!("its baseline {id} is another network"))
            }
            Some(other) => Ok(other),
        };
    }
    let training = Training::of(run, runs);
    let n_differences = |other: &&Run| {
        let theirs = Training::of(other, runs);
        differences(&[&training, &theirs])[0].len()
    };
    let fits = |other: &&Run| {
        let key = |run: &Run| {
            let names = [&run.dataset, &run.data_inputs, &run.backbone, &run.init];
            let how = [
                &run.augmentation,
                &run.color_jitter,
                &run.labels,
                &run.precision,
                &run.program,
            ];
            (names.map(String::clone), how.map(String::clone), run.seed)
        };
        other.is_baseline() && other.baseline_run_id.is_none() && key(other) == key(run)
    };
    // The baselines that are left to choose from.
    let mut left: Vec<&Run> = runs.iter().filter(fits).collect();
    let least = left.iter().map(n_differences).min();
    left.retain(|other| Some(n_differences(other)) == least);
    // One of the same task is better, but no condition: runs of Waterbirds' reversed task may be compared
    // with a baseline of the conventional one.
    let of_task = |other: &&Run| other.task == run.task;
    let is_validated_alike =
        |other: &&Run| (&other.attribution, &other.layer) == (&run.attribution, &run.layer);
    let better: [&dyn Fn(&&Run) -> bool; 2] = [&of_task, &is_validated_alike];
    for better in better {
        if left.iter().any(better) {
            left.retain(better);
        }
    }
    match left[..] {
        [one] => Ok(one),
        [] => Err(
            "it names no baseline, and no unguided run of its seed starts from the same weights"
                .to_owned(),
        ),
        _ => Err(format!(
            "it names no baseline, and {} unguided runs are as much alike it",
            left.len()
        )),
    }
}

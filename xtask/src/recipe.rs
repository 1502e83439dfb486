//! Recipes: an experiment as a TOML file in `recipes/`, checked and expanded to the runs it asks for.
//! What a run is belongs to the trainer; here its configuration is only written down.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::{paths, weights};

/// One experiment. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// One sentence: what it shows.
    pub(crate) about: String,
    /// The images.
    pub(crate) data: Data,
    /// What all runs share.
    pub(crate) model: Model,
    /// The unguided run from which the guided ones start.
    pub(crate) baseline: Length,
    /// The guided runs.
    pub(crate) guided: Guided,
    /// How checkpoints are scored.
    #[serde(default)]
    pub(crate) evaluation: Evaluation,
    /// What a cluster is asked for.
    #[serde(default)]
    #[expect(dead_code, reason = "the queues follow")]
    pub(crate) slurm: Slurm,
}

/// What the recipe's jobs ask of Slurm; flags of the command line win.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Slurm {
    /// `--partition`.
    pub(crate) partition: Option<String>,
    /// GPUs a job that needs a device asks for; 0 on a cluster of CPUs.
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

/// Which images, at which size.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// scenes (embedded), voc2007, coco2014 or waterbirds-100.
    pub(crate) dataset: DataSet,
    /// Height and width of the network's input.
    pub(crate) size: u32,
    /// At most so many images of a split.
    #[serde(default)]
    pub(crate) limit: Limit,
}

/// At most so many images of a split; all where absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    train: Option<u32>,
    val: Option<u32>,
    test: Option<u32>,
}

impl Limit {
    /// Split and number, where limited.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        let named = [
            ("train", self.train),
            ("val", self.val),
            ("test", self.test),
        ];
        named
            .into_iter()
            .filter_map(|(split, limit)| Some((split, limit?)))
    }
}

/// A data set by its spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum DataSet {
    /// The embedded one.
    #[serde(rename = "scenes")]
    Scenes,
    /// PASCAL VOC 2007.
    #[serde(rename = "voc2007")]
    Voc2007,
    /// MS COCO 2014.
    #[serde(rename = "coco2014")]
    Coco2014,
    /// Waterbirds-100.
    #[serde(rename = "waterbirds-100")]
    Waterbirds,
}

impl DataSet {
    /// The one spelling.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DataSet::Scenes => "scenes",
            DataSet::Voc2007 => "voc2007",
            DataSet::Coco2014 => "coco2014",
            DataSet::Waterbirds => "waterbirds-100",
        }
    }

    /// data-prep's subcommand.
    pub(crate) fn subcommand(self) -> &'static str {
        match self {
            DataSet::Scenes => "scenes",
            DataSet::Voc2007 => "voc",
            DataSet::Coco2014 => "coco",
            DataSet::Waterbirds => "waterbirds",
        }
    }
}

/// What all runs of a recipe share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// The trainer's spelling.
    pub(crate) backbone: String,
    /// Where the baseline's weights come from.
    pub(crate) init: Start,
    /// Images a step.
    pub(crate) batch_size: u32,
    /// Of everything drawn at random.
    #[serde(default)]
    pub(crate) seed: u64,
    /// What is asked of the images; the trainer's spelling.
    #[serde(default = "conventional")]
    pub(crate) task: String,
    /// What training images go through; the trainer's spelling.
    #[serde(default = "unchanged")]
    pub(crate) augmentation: String,
}

/// Where a baseline starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    /// Random weights.
    Scratch,
    /// The weights `cargo xtask weights` provides.
    Imagenet,
}

/// How long and how fast a run trains.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Length {
    /// Passes over the training images.
    pub(crate) epochs: u32,
    /// Adam's.
    pub(crate) learning_rate: f64,
}

/// The guided runs: every combination of each grid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guided {
    epochs: u32,
    learning_rate: f64,
    grid: Vec<Grid>,
}

/// Values to combine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grid {
    attribution: Vec<String>,
    layer: Vec<String>,
    loss: Vec<String>,
    lambda: Vec<f64>,
    /// α of the loss energy_area; the other losses have none.
    #[serde(default)]
    area_exponent: Vec<f64>,
    #[serde(default = "boxes")]
    annotation: Vec<String>,
    #[serde(default = "full")]
    annotated_fraction: Vec<f64>,
    #[serde(default = "undilated")]
    dilation: Vec<f64>,
    /// Instead of the recipe's number of guided epochs.
    epochs: Option<u32>,
}

fn conventional() -> String {
    "conventional".to_owned()
}

fn unchanged() -> String {
    "none".to_owned()
}

fn boxes() -> Vec<String> {
    vec!["box".to_owned()]
}

fn full() -> Vec<f64> {
    vec![1.0]
}

fn undilated() -> Vec<f64> {
    vec![0.0]
}

/// How checkpoints are scored.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Evaluation {
    /// IoU's fixed threshold.
    pub(crate) threshold: f64,
    /// Bootstrap resamples behind the intervals.
    pub(crate) replicates: u32,
    /// Images in the report's panel.
    pub(crate) examples: u32,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            threshold: 0.5,
            replicates: 1000,
            examples: 8,
        }
    }
}

/// The part of a run's configuration that a grid decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GuidedRun {
    /// Label, e.g. `energy ixg@final λ=0.01`; no two runs of a recipe have the same.
    pub(crate) name: String,
    pub(crate) attribution: String,
    pub(crate) layer: String,
    pub(crate) loss: String,
    pub(crate) lambda: f64,
    pub(crate) area_exponent: Option<f64>,
    pub(crate) annotation: String,
    pub(crate) annotated_fraction: f64,
    pub(crate) dilation: f64,
    pub(crate) length: Length,
}

/// The trainer's spellings. It would refuse others too, but only when the runs before are trained.
const BACKBONES: [&str; 10] = [
    "resnet18",
    "resnet50",
    "xdnn_resnet18",
    "xdnn_resnet50",
    "bcos_resnet18",
    "bcos_resnet50",
    "bcos_densenet121",
    "bcos_simple_vit_s",
    "bcos_vitc_s",
    "efficientnet_lite0",
];
const ATTRIBUTIONS: [&str; 4] = ["ixg", "gradcam", "intgrad", "bcos"];
const LAYERS: [&str; 5] = ["input", "mid1", "mid2", "mid3", "final"];
const LOSSES: [&str; 5] = ["energy", "l1", "ppce", "rrr", BY_AREA];
const ANNOTATIONS: [&str; 2] = ["box", SEGMENTATION];
const AUGMENTATIONS: [&str; 2] = ["none", "crop_flip"];
const TASKS: [&str; 2] = ["conventional", "reversed"];
/// The loss with an exponent.
const BY_AREA: &str = "energy_area";
/// The annotation that is not dilated.
const SEGMENTATION: &str = "segmentation";

impl Recipe {
    /// Reads `recipes/<name>.toml` under `root`, or the file `name` when it ends in `.toml`.
    pub(crate) fn read(root: &Path, name: &str) -> Result<Self> {
        let file = match name.ends_with(".toml") {
            true => PathBuf::from(name),
            false => root.join("recipes").join(format!("{name}.toml")),
        };
        if !file.is_file() {
            bail!(
                "--recipe: found no file {}, expected one of {}, or a .toml file",
                paths::shown(&file),
                available(root)?.join(", ")
            );
        }
        let shown = paths::shown(&file);
        let text = fs_err::read_to_string(&file)?;
        let recipe: Recipe = toml::from_str(&text).map_err(|error| {
            let before = error.span().map_or("", |span| &text[..span.start]);
            let line = before.matches('\n').count() + 1;
            anyhow!(
                "{shown}: line {line}: {}",
                error.message().replace('\n', ", ")
            )
        })?;
        match recipe.fault() {
            None => Ok(recipe),
            Some(fault) => bail!("{shown}: {fault}"),
        }
    }

    /// The first value that no run can have, as "field: found, expected".
    fn fault(&self) -> Option<String> {
        let (model, guided) = (&self.model, &self.guided);
        let mut fault = spelled("model.backbone", &model.backbone, &BACKBONES)
            .or_else(|| whole("data.size", self.data.size))
            .or_else(|| whole("model.batch_size", model.batch_size))
            .or_else(|| spelled("model.task", &model.task, &TASKS))
            .or_else(|| spelled("model.augmentation", &model.augmentation, &AUGMENTATIONS))
            .or_else(|| self.baseline.fault("baseline"))
            .or_else(|| whole("guided.epochs", guided.epochs))
            .or_else(|| above_0("guided.learning_rate", guided.learning_rate))
            .or_else(|| self.evaluation.fault());
        if model.init == Start::Imagenet && !weights::names().contains(&model.backbone.as_str()) {
            fault = fault.or_else(|| {
                let known = weights::names().join(", ");
                let found = format!("imagenet for {}", model.backbone);
                wrong(
                    "model.init",
                    found,
                    format!("scratch, or a backbone of {known}"),
                )
            });
        }
        let (task, dataset) = (&model.task, self.data.dataset);
        if *task != conventional() && dataset != DataSet::Waterbirds {
            fault = fault.or_else(|| {
                let found = format!("{task} for {}", dataset.name());
                wrong("model.task", found, "conventional, or waterbirds-100")
            });
        }
        for (split, n_images) in self.data.limit.splits() {
            fault = fault.or_else(|| whole(&format!("data.limit.{split}"), n_images));
        }
        for (index, grid) in guided.grid.iter().enumerate() {
            fault = fault.or_else(|| grid.fault(&format!("guided.grid {}", index + 1)));
        }
        if guided.grid.is_empty() {
            fault = fault.or_else(|| wrong("guided.grid", "none", "at least 1"));
        }
        fault
    }

    /// Every combination of the grids, in order, each once.
    pub(crate) fn guided_runs(&self) -> Vec<GuidedRun> {
        let mut runs: Vec<GuidedRun> = Vec::new();
        for grid in &self.guided.grid {
            let length = Length {
                epochs: grid.epochs.unwrap_or(self.guided.epochs),
                learning_rate: self.guided.learning_rate,
            };
            for run in grid.runs(length) {
                if !runs.contains(&run) {
                    runs.push(run);
                }
            }
        }
        let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
        for run in &mut runs {
            if names.iter().filter(|name| **name == run.name).count() > 1 {
                run.name += &format!(" {} epochs", run.length.epochs);
            }
        }
        runs
    }

    /// The (attribution, layer) settings of the guided runs, each once: the baseline is explained
    /// with all of them, and validated with the first.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let mut settings: Vec<(String, String)> = Vec::new();
        for run in self.guided_runs() {
            let setting = (run.attribution, run.layer);
            if !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        settings
    }
}

impl Length {
    fn fault(&self, field: &str) -> Option<String> {
        whole(&format!("{field}.epochs"), self.epochs)
            .or_else(|| above_0(&format!("{field}.learning_rate"), self.learning_rate))
    }
}

impl Grid {
    fn fault(&self, grid: &str) -> Option<String> {
        let field = |name: &str| format!("{grid}: {name}");
        for (name, values, known) in [
            ("attribution", &self.attribution, &ATTRIBUTIONS[..]),
            ("layer", &self.layer, &LAYERS),
            ("loss", &self.loss, &LOSSES),
            ("annotation", &self.annotation, &ANNOTATIONS),
        ] {
            let unknown = values
                .iter()
                .find_map(|value| spelled(&field(name), value, known));
            let fault = nonempty(&field(name), values).or(unknown);
            if fault.is_some() {
                return fault;
            }
        }
        for (name, values, range, expected) in [
            (
                "lambda",
                &self.lambda,
                f64::MIN_POSITIVE..=f64::MAX,
                "a number above 0",
            ),
            (
                "annotated_fraction",
                &self.annotated_fraction,
                f64::MIN_POSITIVE..=1.0,
                "above 0, 1 at most",
            ),
            ("dilation", &self.dilation, 0.0..=10.0, "0 to 10"),
        ] {
            let outside = values.iter().find(|value| !range.contains(value));
            let outside = outside.and_then(|value| wrong(&field(name), value, expected));
            let fault = nonempty(&field(name), values).or(outside);
            if fault.is_some() {
                return fault;
            }
        }
        let has = |values: &[String], value: &str| values.iter().any(|found| found == value);
        if self.area_exponent.is_empty() == has(&self.loss, BY_AREA) {
            let found = format!("{:?} for loss {}", self.area_exponent, self.loss.join(", "));
            let expected = format!("numbers above 0 with {BY_AREA}, none without");
            return wrong(&field("area_exponent"), found, expected);
        }
        let dilated = self.dilation.iter().find(|&&dilation| dilation > 0.0);
        if let (Some(dilation), true) = (dilated, has(&self.annotation, SEGMENTATION)) {
            let expected = format!("0 with annotation {SEGMENTATION}: only boxes are dilated");
            return wrong(&field("dilation"), dilation, expected);
        }
        let mut exponents = self.area_exponent.iter();
        let exponent = exponents.find_map(|&value| above_0(&field("area_exponent"), value));
        if exponent.is_some() {
            return exponent;
        }
        self.epochs
            .and_then(|epochs| whole(&field("epochs"), epochs))
    }

    /// Every combination, in order.
    fn runs(&self, length: Length) -> Vec<GuidedRun> {
        let mut runs = Vec::new();
        for (attribution, layer) in pairs(&self.attribution, &self.layer) {
            for ((loss, area_exponent), &lambda) in pairs(&self.losses(), &self.lambda) {
                for (annotation, (&annotated_fraction, &dilation)) in
                    self.annotation.iter().flat_map(|annotation| {
                        pairs(&self.annotated_fraction, &self.dilation)
                            .map(move |pair| (annotation, pair))
                    })
                {
                    let run = GuidedRun {
                        name: String::new(),
                        attribution: attribution.clone(),
                        layer: layer.clone(),
                        loss: loss.clone(),
                        lambda,
                        area_exponent: *area_exponent,
                        annotation: annotation.clone(),
                        annotated_fraction,
                        dilation,
                        length,
                    };
                    runs.push(GuidedRun {
                        name: run.label(),
                        ..run
                    });
                }
            }
        }
        runs
    }

    /// The losses, Energy* with each of its exponents.
    fn losses(&self) -> Vec<(String, Option<f64>)> {
        let mut losses = Vec::new();
        for loss in &self.loss {
            match loss == BY_AREA {
                true => losses.extend(
                    self.area_exponent
                        .iter()
                        .map(|&exponent| (loss.clone(), Some(exponent))),
                ),
                false => losses.push((loss.clone(), None)),
            }
        }
        losses
    }
}

impl GuidedRun {
    /// Loss, layer and λ, and whatever is not as usual.
    fn label(&self) -> String {
        let (attribution, layer) = (&self.attribution, &self.layer);
        let mut name = format!("{} {attribution}@{layer} λ={}", self.loss, self.lambda);
        if let Some(exponent) = self.area_exponent {
            name += &format!(" α={exponent}");
        }
        if self.annotation == SEGMENTATION {
            name += " segmentation";
        }
        if self.annotated_fraction < 1.0 {
            let percent = (1e6 * self.annotated_fraction).round() / 1e4;
            name += &format!(" {percent}% annotated");
        }
        if self.dilation > 0.0 {
            name += &format!(" dilation {}", self.dilation);
        }
        name
    }
}

impl Evaluation {
    fn fault(&self) -> Option<String> {
        let threshold = match (0.0..=1.0).contains(&self.threshold) {
            true => None,
            false => wrong("evaluation.threshold", self.threshold, "0 to 1"),
        };
        threshold.or_else(|| whole("evaluation.replicates", self.replicates))
    }
}

fn pairs<'a, A, B>(a: &'a [A], b: &'a [B]) -> impl Iterator<Item = (&'a A, &'a B)> {
    a.iter().flat_map(move |a| b.iter().map(move |b| (a, b)))
}

fn wrong(field: &str, found: impl Display, expected: impl Display) -> Option<String> {
    Some(format!("{field}: found {found}, expected {expected}"))
}

fn whole(field: &str, value: u32) -> Option<String> {
    match value {
        0 => wrong(field, 0, "1 at least"),
        _ => None,
    }
}

fn above_0(field: &str, value: f64) -> Option<String> {
    match value > 0.0 && value.is_finite() {
        true => None,
        false => wrong(field, value, "a number above 0"),
    }
}

fn nonempty<T>(field: &str, values: &[T]) -> Option<String> {
    match values.is_empty() {
        true => wrong(field, "no value", "at least 1"),
        false => None,
    }
}

fn spelled(field: &str, value: &str, known: &[&str]) -> Option<String> {
    match known.contains(&value) {
        true => None,
        false => wrong(
            field,
            format!("{value:?}"),
            format!("one of {}", known.join(", ")),
        ),
    }
}

/// Names of the recipes there are.
fn available(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(root.join("recipes"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

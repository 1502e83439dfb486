//! Recipes: an experiment as a TOML file in `recipes/`, expanded to the runs it asks for. What a run
//! is belongs to the trainer; here its configuration is only written down.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// One experiment. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One sentence: what it shows.
    pub about: String,
    /// The images.
    pub data: Data,
    /// What all runs share.
    pub model: Model,
    /// The unguided run from which the guided ones start.
    pub baseline: Length,
    /// The guided runs.
    pub guided: Guided,
    /// How checkpoints are scored.
    #[serde(default)]
    pub evaluation: Evaluation,
}

/// Which images, at which size.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// scenes (embedded), voc2007, coco2014 or waterbirds-100.
    pub dataset: DataSet,
    /// Height and width of the network's input.
    pub size: u32,
    /// At most so many images of a split.
    #[serde(default)]
    pub limit: Limit,
}

/// At most so many images of a split; all where absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    train: Option<u32>,
    val: Option<u32>,
    test: Option<u32>,
}

impl Limit {
    /// Split and number, where limited.
    pub fn splits(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
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
pub enum DataSet {
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
    pub fn name(self) -> &'static str {
        match self {
            DataSet::Scenes => "scenes",
            DataSet::Voc2007 => "voc2007",
            DataSet::Coco2014 => "coco2014",
            DataSet::Waterbirds => "waterbirds-100",
        }
    }

    /// data-prep's subcommand.
    pub fn subcommand(self) -> &'static str {
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
pub struct Model {
    /// The trainer's spelling.
    pub backbone: String,
    /// Where the baseline's weights come from.
    pub init: Start,
    /// Images a step.
    pub batch_size: u32,
    /// Of everything drawn at random.
    #[serde(default)]
    pub seed: u64,
}

/// Where a baseline starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Random weights.
    Scratch,
    /// The weights `cargo xtask weights` provides.
    Imagenet,
}

/// How long and how fast a run trains.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// Passes over the training images.
    pub epochs: u32,
    /// Adam's.
    pub learning_rate: f64,
}

/// The guided runs: every combination of each grid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guided {
    epochs: u32,
    learning_rate: f64,
    grid: Vec<Grid>,
}

/// Values to combine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    attribution: Vec<String>,
    layer: Vec<String>,
    loss: Vec<String>,
    lambda: Vec<f64>,
    #[serde(default = "full")]
    annotated_fraction: Vec<f64>,
    #[serde(default = "undilated")]
    dilation: Vec<f64>,
    /// Instead of the recipe's number of guided epochs.
    epochs: Option<u32>,
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
pub struct Evaluation {
    /// IoU's fixed threshold.
    pub threshold: f64,
    /// Bootstrap resamples behind the intervals.
    pub replicates: u32,
    /// Images in the report's panel.
    pub examples: u32,
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
pub struct GuidedRun {
    /// Label, e.g. `energy ixg@final λ=0.01`.
    pub name: String,
    pub attribution: String,
    pub layer: String,
    pub loss: String,
    pub lambda: f64,
    pub annotated_fraction: f64,
    pub dilation: f64,
    pub length: (u32, f64),
}

impl Recipe {
    /// Reads `recipes/<name>.toml` under `root`, or the file `name` when it ends in `.toml`.
    pub fn read(root: &Path, name: &str) -> Result<Self> {
        let file = if name.ends_with(".toml") {
            name.into()
        } else {
            root.join("recipes").join(format!("{name}.toml"))
        };
        if !file.exists() {
            bail!(
                "--recipe: found '{name}', expected one of {} or a .toml file",
                available(root)?.join(", ")
            );
        }
        let text = fs_err::read_to_string(&file)?;
        let recipe: Recipe =
            toml::from_str(&text).with_context(|| format!("{}: not a recipe", file.display()))?;
        if recipe.guided_runs().is_empty() {
            bail!(
                "{}: guided.grid: found no combination, expected at least 1",
                file.display()
            );
        }
        Ok(recipe)
    }

    /// Every combination of the grids, in order.
    pub fn guided_runs(&self) -> Vec<GuidedRun> {
        let mut runs = Vec::new();
        for grid in &self.guided.grid {
            for (attribution, layer) in pairs(&grid.attribution, &grid.layer) {
                for (loss, &lambda) in pairs(&grid.loss, &grid.lambda) {
                    for (&annotated_fraction, &dilation) in
                        pairs(&grid.annotated_fraction, &grid.dilation)
                    {
                        let mut name = format!("{loss} {attribution}@{layer} λ={lambda}");
                        if annotated_fraction < 1.0 {
                            name += &format!(" {}% annotated", 100.0 * annotated_fraction);
                        }
                        if dilation > 0.0 {
                            name += &format!(" dilation {dilation}");
                        }
                        runs.push(GuidedRun {
                            name,
                            attribution: attribution.clone(),
                            layer: layer.clone(),
                            loss: loss.clone(),
                            lambda,
                            annotated_fraction,
                            dilation,
                            length: (
                                grid.epochs.unwrap_or(self.guided.epochs),
                                self.guided.learning_rate,
                            ),
                        });
                    }
                }
            }
        }
        runs
    }

    /// The (attribution, layer) settings of the guided runs, each once: the baseline is explained
    /// with all of them, and validated with the first.
    pub fn settings(&self) -> Vec<(String, String)> {
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

fn pairs<'a, A, B>(a: &'a [A], b: &'a [B]) -> impl Iterator<Item = (&'a A, &'a B)> {
    a.iter().flat_map(move |a| b.iter().map(move |b| (a, b)))
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

//! Asks the stages for the names that recipes may use, such as networks and losses, by running `trainer
//! vocabulary --json` and the like. xtask itself links no stage and has no copy of their lists.
//!
//! All stages are asked once, at the same time, when the programs are built. A step on a cluster does not
//! ask, because the names in its recipe were checked before it was submitted.

use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::system::process::{self, BinDir};

/// The names that all stages know.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    pub(crate) data: DataPrep,
    pub(crate) trainer: Trainer,
    pub(crate) evaluator: Evaluator,
    pub(crate) analysis: Analysis,
}

/// The names that data-prep knows.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DataPrep {
    sources: Vec<Source>,
}

/// A format of data, which is a subcommand of data-prep.
#[derive(Clone, Debug, Deserialize)]
struct Source {
    name: String,
    /// The published data sets in it, or the embedded one.
    datasets: Vec<String>,
}

/// The names that the trainer knows.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Trainer {
    /// Its own, and those from files that it was asked to describe.
    pub(crate) networks: Vec<Network>,
    /// The attribution methods.
    pub(crate) methods: Vec<Named>,
    /// The localization losses.
    pub(crate) losses: Vec<LossEntry>,
    /// The layers at which maps can be taken: `input`, `mid1`, … `final`.
    pub(crate) layers: Vec<String>,
    /// `box` and `segmentation`.
    pub(crate) annotations: Vec<String>,
    /// `conventional` and `reversed` (Waterbirds' background as the class).
    pub(crate) tasks: Vec<String>,
    /// How many classes an image shows: `multi` or `single`.
    pub(crate) labels: Vec<String>,
    /// What maps explain: the class's `logit`, or its `contrast` with the other classes' logits.
    pub(crate) explained: Vec<String>,
    pub(crate) augmentations: Vec<String>,
    pub(crate) precisions: Vec<String>,
    pub(crate) optimizers: Vec<String>,
    pub(crate) schedules: Vec<String>,
    /// The metrics of the validation after each epoch.
    pub(crate) validation_metrics: Vec<String>,
    /// The version of what `trainer faithfulness` measures.
    pub(crate) faithfulness: u32,
}

/// A network.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Network {
    pub(crate) name: String,
    /// The attribution methods that are defined for it.
    pub(crate) methods: Vec<String>,
    /// The methods among these that it can be guided by.
    pub(crate) guides_by: Vec<String>,
    /// The layers that it has; None: all of the trainer's.
    pub(crate) layers: Option<Vec<String>>,
    /// Height and width of the images that it takes; None: any.
    pub(crate) input: Option<[u32; 2]>,
    /// Whether it has batch norms, so that `micro_batch` is refused.
    pub(crate) batch_statistics: bool,
}

/// A localization loss.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LossEntry {
    pub(crate) name: String,
    pub(crate) options: Vec<LossOption>,
}

/// An option of a loss, a number.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LossOption {
    pub(crate) name: String,
    /// Its value where none is given; None: it must be given.
    pub(crate) default: Option<f64>,
    /// Exclusive lower bound.
    pub(crate) low: f64,
    /// Inclusive upper bound.
    pub(crate) high: f64,
}

/// The names that the evaluator knows.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Evaluator {
    metrics: Vec<Metric>,
}

/// A metric.
#[derive(Clone, Debug, Deserialize)]
struct Metric {
    name: String,
    /// Whether every evaluation has it, so that it need not be asked for.
    standard: bool,
}

/// The names that analysis knows.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Analysis {
    pub(crate) exhibits: Vec<Named>,
}

/// The name of an entry whose other fields are ignored.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

impl Vocabulary {
    /// Asks the stages among `programs`, all at the same time, because the trainer takes a while to
    /// load libtorch.
    pub(crate) fn ask(programs: &BinDir) -> Result<Self> {
        std::thread::scope(|scope| {
            let trainer = scope.spawn(|| ask(programs, "trainer"));
            let analysis = scope.spawn(|| ask(programs, "analysis"));
            Ok(Vocabulary {
                data: DataPrep::ask(programs)?,
                evaluator: ask(programs, "evaluator")?,
                trainer: trainer.join().map_err(|_| anyhow!("a thread panicked"))??,
                analysis: analysis
                    .join()
                    .map_err(|_| anyhow!("a thread panicked"))??,
            })
        })
    }
}

impl DataPrep {
    /// Asks data-prep alone.
    pub(crate) fn ask(programs: &BinDir) -> Result<Self> {
        ask(programs, "data-prep")
    }

    /// The names of the data sets.
    pub(crate) fn datasets(&self) -> Vec<&str> {
        let datasets = self.sources.iter().flat_map(|source| &source.datasets);
        datasets.map(String::as_str).collect()
    }

    /// The names of the formats of data (`voc`, `coco`, …), which are subcommands of data-prep.
    pub(crate) fn formats(&self) -> Vec<&str> {
        let formats = self.sources.iter();
        formats.map(|source| source.name.as_str()).collect()
    }

    /// The subcommand that reads the data set `name`.
    pub(crate) fn subcommand(&self, name: &str) -> Result<&str> {
        let mut sources = self.sources.iter();
        let source = sources.find(|source| source.datasets.iter().any(|dataset| dataset == name));
        let source = source.with_context(|| {
            let known = self.datasets().join(", ");
            format!("data.dataset: found {name:?}, expected one of {known}")
        })?;
        Ok(&source.name)
    }
}

impl Evaluator {
    /// What can be asked of it: the metrics that are not standard, and `all`.
    pub(crate) fn added(&self) -> Vec<&str> {
        let added = self.metrics.iter().filter(|metric| !metric.standard);
        let names = added.map(|metric| metric.name.as_str());
        names.chain(["all"]).collect()
    }
}

impl Trainer {
    /// Asks the trainer alone.
    pub(crate) fn ask(programs: &BinDir) -> Result<Self> {
        ask(programs, "trainer")
    }

    /// The network of this name.
    pub(crate) fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The loss of this name.
    pub(crate) fn loss(&self, name: &str) -> Option<&LossEntry> {
        self.losses.iter().find(|loss| loss.name == name)
    }
}

/// Runs `<stage> vocabulary --json` and parses what it prints.
fn ask<T: DeserializeOwned>(programs: &BinDir, stage: &str) -> Result<T> {
    let mut command = Command::new(programs.program(stage)?);
    command.args(["vocabulary", "--json"]);
    let said = process::capture(&mut command, &format!("asking {stage} for its names"))?;
    read(stage, &said)
}

/// Parses what `<stage> vocabulary --json` printed.
fn read<T: DeserializeOwned>(stage: &str, said: &str) -> Result<T> {
    serde_json::from_str(said).with_context(|| format!("{stage} vocabulary --json"))
}

/// A recorded answer of the stages, so that xtask's tests need no built stage. A test of the `tests`
/// crate compares the record with what the stages print now.
#[cfg(test)]
pub(crate) fn recorded() -> Vocabulary {
    #![allow(clippy::unwrap_used)]
    let folder = crate::system::paths::root().join("xtask/tests/fixtures/vocabulary");
    let text = |stage: &str| std::fs::read_to_string(folder.join(stage).with_extension("json"));
    Vocabulary {
        data: read("data-prep", &text("data-prep").unwrap()).unwrap(),
        trainer: read("trainer", &text("trainer").unwrap()).unwrap(),
        evaluator: read("evaluator", &text("evaluator").unwrap()).unwrap(),
        analysis: read("analysis", &text("analysis").unwrap()).unwrap(),
    }
}

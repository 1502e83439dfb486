//! Resolves the configuration of a run (one training): opens the run or hashes the weight file that it begins from,
//! and computes the run id from these, the configuration and the data. λ is the weight of the localization loss, the
//! loss on attribution maps; a baseline is a run without it.

use std::path::PathBuf;

use data_prep::dataset::{Dataset, Image, Labels};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::hex::hex;
use crate::names::Precision;
use crate::run::config::{Init, RunConfig};
use crate::run::finished::FinishedRun;
use crate::run::identity;

/// A configuration with everything else that decides the result: the data and the weights to begin from.
#[derive(Clone, Debug)]
pub struct ResolvedRun {
    /// The configuration as given.
    pub config: RunConfig,
    /// Hash of everything that decides the result, 12 hex digits: of the configuration as asked for
    /// (see [`ResolvedRun::configuration`]), λ, the seed and exactly which weights it starts from.
    pub run_id: String,
    /// The data set's name.
    pub dataset: String,
    /// The hash of everything from which the data folder was made, its source files and options.
    pub data_inputs: String,
    /// Which weights the run begins from: `scratch` (random), `weights:<sha256>` or
    /// `run:<run id>@<epoch>`.
    pub init: String,
    /// The same as `init`, but `run:<configuration hash>` if the run begins from another run. Unlike `init` it is
    /// the same for runs of several seeds, each of which begins from the baseline of its seed.
    pub origin: String,
    /// The classes, in the order of the head's outputs.
    pub classes: Vec<String>,
    /// The run this one begins from; `None` if it begins from a weight file or random weights.
    pub baseline: Option<FinishedRun>,
    /// The file the weights are read from; `None` for random weights.
    pub weights: Option<PathBuf>,
}

impl ResolvedRun {
    /// Resolves `config` for `dataset`, which must have been opened for the configuration's task.
    ///
    /// # Errors
    /// A missing weight file or run folder, an unfinished run, a data set opened for another task.
    pub fn new(config: RunConfig, dataset: &Dataset) -> Result<Self> {
        if dataset.task() != config.task {
            let (found, expected) = (dataset.task().to_string(), config.task.to_string());
            return Err(Error::invalid(dataset.dir(), "task", found, expected));
        }
        if config.labels == Labels::Single {
            check_single(dataset)?;
        }
        config.backbone.check_images(dataset)?;
        let (init, origin, baseline, weights) = match &config.init {
            Init::Scratch => ("scratch".to_owned(), "scratch".to_owned(), None, None),
            Init::Weights { file } => {
                let digest = Sha256::digest(fs_err::read(file)?);
                let init = format!("weights:{}", hex(&digest));
                (init.clone(), init, None, Some(file.clone()))
            }
            Init::Run { folder, checkpoint } => {
                let run = FinishedRun::open(folder)?;
                if run.backbone != config.backbone {
                    return Err(Error::invalid(
                        folder,
                        "backbone",
                        run.backbone.to_string(),
                        config.backbone.to_string(),
                    ));
                }
                let epoch = checkpoint.unwrap_or(run.best_f1_epoch);
                let file = run.checkpoint_file(epoch)?;
                (
                    format!("run:{}@{epoch}", run.run_id),
                    format!("run:{}", run.configuration),
                    Some(run),
                    Some(file),
                )
            }
        };
        let data_inputs = dataset.inputs().to_owned();
        let run_id = identity::run_id(&config, &data_inputs, &init, &origin);
        Ok(ResolvedRun {
            config,
            run_id,
            dataset: dataset.name().to_owned(),
            data_inputs,
            init,
            origin,
            classes: dataset.classes.clone(),
            baseline,
            weights,
        })
    }

    /// Returns the run's configuration hash, 12 hex digits, which is the same for runs that differ only in λ and
    /// seed. `precision` is the one it is computed in, which may not be the one asked for
    /// ([`crate::machine::device::allow`]).
    pub fn configuration(&self, precision: Precision) -> String {
        identity::configuration(&self.config, precision, &self.data_inputs, &self.origin)
    }
}

/// Refuses data in which some image does not show exactly one class, and data with only one class.
fn check_single(dataset: &Dataset) -> Result<()> {
    let refuse = |field: String, found: String, expected: &str| {
        let expected = format!("{expected}, for labels = \"single\"");
        Err(Error::invalid(dataset.dir(), field, found, expected))
    };
    if let [class] = &dataset.classes[..] {
        return refuse(
            "classes".to_owned(),
            format!("{class} alone"),
            "two classes at least",
        );
    }
    let has_others = |image: &&Image| image.labels.len() != 1;
    match dataset.images.iter().find(has_others) {
        None => Ok(()),
        Some(image) => {
            let labels = image.labels.iter();
            let names: Vec<&str> = labels
                .map(|&class| dataset.classes[class as usize].as_str())
                .collect();
            let found = match names.is_empty() {
                true => "no class".to_owned(),
                false => names.join(", "),
            };
            refuse(
                format!("labels of image {}", image.image_id),
                found,
                "exactly one class",
            )
        }
    }
}

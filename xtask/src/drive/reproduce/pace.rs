//! Asks the trainer how long this machine's CPU takes for a training step of each network of a recipe for own data,
//! by which the recipe is sized (its runs must end within a time). What was found is kept in the out folder, so that
//! the same command later sizes the recipe alike and goes on with its runs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::drive::device::Device;
use crate::drive::plan::cost::{Rates, Work};
use crate::drive::recipe::{Experiment, Run};
use crate::system::files;
use crate::system::process::{self, BinDir};

/// The name of the file in the out folder.
const PACE: &str = "pace.toml";

/// Seconds of training steps on this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Paces {
    #[serde(default)]
    pace: Vec<Pace>,
}

/// Seconds that a plain training step (one without guidance) takes for each image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pace {
    backbone: String,
    /// Height and width of the images.
    size: u32,
    batch_size: u32,
    seconds: f64,
}

impl Paces {
    /// The paces of the networks of `experiment`: those in the folder `out`, and for networks that it has none
    /// of, those that the trainer of `programs` measures. Baselines have all networks of an experiment.
    ///
    /// # Errors
    /// A damaged file, and a network that cannot be trained.
    pub(super) fn of(experiment: &Experiment, out: &Path, programs: &BinDir) -> Result<Self> {
        let file = out.join(PACE);
        let mut paces: Paces = match file.is_file() {
            true => files::read_toml(&file)?,
            false => Paces::default(),
        };
        for run in &experiment.baselines {
            if paces.find(run, experiment).is_none() {
                paces.pace.push(measured(run, experiment, programs)?);
            }
        }
        Ok(paces)
    }

    fn find(&self, run: &Run, experiment: &Experiment) -> Option<&Pace> {
        let size = experiment.data[run.data].size;
        let wanted = (&run.backbone, size, run.hyperparameters.batch_size);
        let mut all = self.pace.iter();
        all.find(|pace| (&pace.backbone, pace.size, pace.batch_size) == wanted)
    }

    /// Writes them into the folder `out`.
    pub(super) fn write(&self, out: &Path) -> Result<()> {
        match self.pace.is_empty() {
            true => Ok(()),
            false => files::write(&out.join(PACE), &toml::to_string(self)?),
        }
    }

    /// The same as rates of work.
    pub(super) fn rates(&self) -> Rates {
        let mut rates = Rates::default();
        for Pace {
            backbone,
            size,
            seconds,
            ..
        } in &self.pace
        {
            rates.add(&[Work::plain_image(backbone, *size)], Device::Cpu, *seconds);
        }
        rates
    }
}

/// Measures the pace of the network of `run`.
fn measured(run: &Run, experiment: &Experiment, programs: &BinDir) -> Result<Pace> {
    let (size, batch_size) = (
        experiment.data[run.data].size,
        run.hyperparameters.batch_size,
    );
    let mut command = Command::new(programs.program("trainer")?);
    command.arg("pace");
    match experiment.network(&run.backbone) {
        Some(network) => command.arg(&network.file).args(network.options()),
        None => command.arg(&run.backbone),
    };
    command.args(["--size", &size.to_string()]);
    command.args(["--batch-size", &batch_size.to_string()]);
    let said = process::capture(&mut command, "timing a training step")?;
    let seconds = said.trim().parse().context("trainer pace")?;
    Ok(Pace {
        backbone: run.backbone.clone(),
        size,
        batch_size,
        seconds,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn paces_stay_as_they_were_measured() {
        let folder = tempfile::tempdir().unwrap();
        let paces = Paces {
            pace: vec![Pace {
                backbone: "resnet18".to_owned(),
                size: 128,
                batch_size: 16,
                seconds: 0.25,
            }],
        };
        paces.write(folder.path()).unwrap();
        let read: Paces = files::read_toml(&folder.path().join(PACE)).unwrap();
        assert_eq!(read, paces);
        // Ten images at 128×128, and at twice the size.
        let work = |size| Work::plain_image("resnet18", size).times(10.0);
        let rates = paces.rates();
        assert!((rates.seconds(&[work(128)], Device::Cpu) - 2.5).abs() < 1e-9);
        assert!((rates.seconds(&[work(256)], Device::Cpu) - 10.0).abs() < 1e-9);
        // Of another network it is only known how fast the machine is.
        let other = Work::plain_image("resnet50", 128).times(10.0);
        assert!(rates.seconds(&[other], Device::Cpu) > 2.5);
    }
}

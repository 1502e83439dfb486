//! The options of `trainer explain` and `trainer predict` that say which network, explained how, in how much
//! memory.

use std::path::PathBuf;

use crate::error::Result;
use crate::explain::attribution::Attribution;
use crate::explain::explanations::Bounds;
use crate::explain::stream::Subject;
use crate::names::{Layer, Precision};
use crate::run::finished::FinishedRun;

/// A network and how it is explained.
#[derive(Debug, clap::Args)]
pub struct NetworkArgs {
    /// A finished run's folder
    #[arg(long, required_unless_present = "weights", conflicts_with = "weights")]
    pub run: Option<PathBuf>,
    /// Instead of a run: weights of trainer import, with as many classes as the data
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// A kept epoch of the run (default: the one with the highest validation F1)
    #[arg(long, conflicts_with = "weights")]
    pub checkpoint: Option<i32>,
    /// An attribution method, such as ixg (default: the run's own; of weights bcos for B-cos networks,
    /// else ixg)
    #[arg(long)]
    pub attribution: Option<Attribution>,
    /// input, mid1, mid2, mid3 or final (default: the run's own; of weights input for B-cos networks,
    /// else final)
    #[arg(long)]
    pub layer: Option<Layer>,
    /// f32, tf32 or bf16 (default: as the run was trained; of weights f32)
    #[arg(long)]
    pub precision: Option<Precision>,
    /// Images a batch at most
    #[arg(long, default_value_t = 32)]
    pub batch_size: usize,
    /// Memory at most, in MiB, on the device that explains (default: half of what is free); batches
    /// are made as small as it takes
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
}

impl NetworkArgs {
    /// Returns the network, and the run it is of; no run for weights that were imported.
    ///
    /// # Errors
    /// A folder without a finished run, an epoch that was not kept, a file of other weights.
    pub fn subject(&self) -> Result<(Subject, Option<FinishedRun>)> {
        let (mut subject, run) = match (&self.run, &self.weights) {
            (Some(dir), _) => {
                let run = FinishedRun::open(dir)?;
                (Subject::of_run(&run, self.checkpoint)?, Some(run))
            }
            (None, Some(file)) => (Subject::of_weights(file)?, None),
            (None, None) => unreachable!("one of both is required"),
        };
        subject.precision = self.precision.unwrap_or(subject.precision);
        Ok((subject, run))
    }

    /// Returns how large a batch may be.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            images: self.batch_size,
            memory: self.memory.map(|mib| mib << 20),
        }
    }
}

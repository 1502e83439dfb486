//! The run, checkpoint, split and method that every row of an evaluation is of.

use std::fmt;

use data_prep::dataset::Split;

use crate::maps::RunColumns;

/// The run columns, with which every row of an evaluation begins; all are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    /// The run.
    pub run_id: String,
    /// Epoch of the checkpoint.
    pub checkpoint: i32,
    /// The split scored.
    pub split: Split,
    /// Attribution method.
    pub attribution: String,
    /// Layer explained.
    pub layer: String,
    /// The precision the maps were computed in (f32, tf32, bf16, or another tool's word); `None` where
    /// it is unknown.
    pub precision: Option<String>,
}

impl RunKey {
    /// The same as [`RunColumns`].
    pub fn columns(&self) -> RunColumns {
        RunColumns {
            run_id: Some(self.run_id.clone()),
            checkpoint: Some(self.checkpoint),
            split: Some(self.split),
            attribution: Some(self.attribution.clone()),
            layer: Some(self.layer.clone()),
            precision: self.precision.clone(),
            ..RunColumns::default()
        }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run_id,
            checkpoint,
            split,
            attribution,
            layer,
            precision,
        } = self;
        write!(
            f,
            "{run_id} epoch {checkpoint} · {split} · {attribution} at {layer}"
        )?;
        match precision {
            Some(precision) => write!(f, " in {precision}"),
            None => Ok(()),
        }
    }
}

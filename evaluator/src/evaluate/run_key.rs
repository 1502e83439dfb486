//! Defines [`RunKey`], the run, checkpoint, split, attribution method, layer and precision that all rows of
//! an evaluation are of.

use std::fmt;

use data_prep::dataset::Split;

use crate::maps::RunColumns;

/// Columns that have the same values in every row of an evaluation. [`RunColumns`] holds them while some are still
/// unknown.
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
    /// Returns these values as [`RunColumns`], without task and batch size.
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

/// For messages: `<run id> epoch 3 · val · ixg at final in f32`.
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

//! The version before that of a table to which only columns came: it is read as well, and completed by the
//! values that these columns have there.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

/// The version before a table's, as `schemas.toml` has it under `former` and `lacks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// Its number.
    pub(super) version: u32,
    /// The columns that it lacks, with the value that they have there; `None`: null.
    lacks: Vec<(&'static str, Option<&'static str>)>,
}

impl Former {
    /// Reads the columns that it lacks, each as "name value" or "name".
    pub(super) fn declared(version: u32, lacks: &[&'static str]) -> Self {
        let lacks = lacks.iter().map(|entry| match entry.split_once(' ') {
            Some((name, value)) => (name, Some(value)),
            None => (*entry, None),
        });
        Self {
            version,
            lacks: lacks.collect(),
        }
    }

    /// Returns `batch`, of this version, with those of the columns it lacks that `wanted` has.
    ///
    /// # Errors
    /// Arrow's.
    pub(super) fn completed(
        &self,
        batch: &RecordBatch,
        wanted: &Schema,
    ) -> Result<RecordBatch, ArrowError> {
        let stored = batch.schema();
        let mut fields = stored.fields().to_vec();
        let mut arrays = batch.columns().to_vec();
        for (name, value) in &self.lacks {
            let Ok(field) = wanted.field_with_name(name) else {
                continue;
            };
            let values = StringArray::from(vec![*value; batch.num_rows()]);
            arrays.push(cast(&values, field.data_type())?);
            fields.push(Arc::new(field.clone().with_nullable(true)));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

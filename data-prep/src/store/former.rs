//! Reads tables of the previous version of their schema, where the current version only added columns: the added
//! columns are filled with the values that they have for old tables.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

/// The previous version of a table's schema, as `schemas.toml` has it under `former` (the number) and `lacks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerVersion {
    /// Its number.
    pub(super) version: u32,
    /// The columns that it lacks, with the value, as text, that fills them; `None`: null.
    lacks: Vec<(&'static str, Option<&'static str>)>,
}

impl FormerVersion {
    /// Makes a former version; each of `lacks` is a column that it lacks, as "name value" or "name".
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

    /// Returns `batch`, rows of the former version, with the columns that it lacks added at the end. Columns
    /// that `wanted` does not have are not added.
    ///
    /// # Errors
    /// When Arrow cannot convert a value or put the columns together.
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

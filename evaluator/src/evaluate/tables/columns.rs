//! Makes columns of values, and reads values from columns.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int32Array, StringArray};

/// `n` times the same text, or null.
pub(crate) fn texts_or_null(text: Option<&str>, n: usize) -> ArrayRef {
    Arc::new(repeat_n(text, n).collect::<StringArray>())
}

pub(crate) fn f64s(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

pub(crate) fn i32s(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Int32Array>())
}

/// A cell of a nullable column.
pub(crate) fn cell(column: &Float64Array, row: usize) -> Option<f64> {
    column.is_valid(row).then(|| column.value(row))
}

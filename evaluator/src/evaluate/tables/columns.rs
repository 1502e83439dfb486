//! Makes Arrow columns from values, and reads a value from a column.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int32Array, StringArray};

/// Returns a column with `n` times the same text, or `n` nulls.
pub(crate) fn texts_or_null(text: Option<&str>, n: usize) -> ArrayRef {
    Arc::new(repeat_n(text, n).collect::<StringArray>())
}

/// Returns a column of f64; `None` becomes null.
pub(crate) fn f64s(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// Returns a column of i32; `None` becomes null.
pub(crate) fn i32s(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Int32Array>())
}

/// Returns a value of a nullable column; `None` for null.
pub(crate) fn cell(column: &Float64Array, row: usize) -> Option<f64> {
    column.is_valid(row).then(|| column.value(row))
}

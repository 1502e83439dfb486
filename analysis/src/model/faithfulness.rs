//! Defines [`Faithfulness`], what `trainer faithfulness` measured of one checkpoint's maps (docs/SPEC.md L). A pair is
//! an image and a class on it.

use std::collections::BTreeMap;

/// A measure, and the baseline that is shown where pixels are removed; `None` for a measure that removes none.
pub type Measured = (String, Option<String>);

/// The values of a measure: by pair, (image id, class).
pub type Values = BTreeMap<(String, i32), f64>;

/// The values of one checkpoint's maps.
#[derive(Debug, Clone, Default)]
pub struct Faithfulness {
    /// The values of each measure that some pair has.
    pub values: BTreeMap<Measured, Values>,
    /// The measures and baselines in the order of the table.
    pub order: Vec<Measured>,
}

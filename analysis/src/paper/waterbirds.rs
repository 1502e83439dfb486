//! The paper's terms on Waterbirds-100.

use crate::model::subject::Part;

/// The data set's spelling.
pub const WATERBIRDS: &str = "waterbirds-100";

/// Waterbirds' group that the paper calls the worst: group = 2 · bird + place (SPEC C.4).
pub const WATERBIRD_ON_LAND: Part = Part::Group(2);

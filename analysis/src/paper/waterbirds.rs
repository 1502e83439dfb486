//! Names the data set Waterbirds-100 and the group of its images that the paper calls the worst.

use crate::model::subject::Part;

/// The data set's name in tables.
pub const WATERBIRDS: &str = "waterbirds-100";

/// The test images of waterbirds on land. A group's number is 2 · bird + place, with landbird and land 0,
/// waterbird and water 1 (docs/SPEC.md C.4).
pub const WATERBIRD_ON_LAND: Part = Part::Group(2);

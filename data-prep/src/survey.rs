//! Says what a data set holds before it is converted, or a data folder that is made already (`--dry-run`): the number
//! of its images in each split, and the names of its classes and groups (subsets of the images, such as Waterbirds'
//! bird × background). The output is JSON, for `cargo xtask reproduce`, which sizes an experiment by it.

use std::path::Path;

use serde_json::{Value, json};

use crate::convert::Limit;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::source::record::Source;
use crate::source::split::Split;

/// Counts what the annotations of `source` say, before any conversion. A split counts for at most its limit
/// (`--limit`). `problems` are items that had to be left out, `remarks` faults that cost no item, and `notes`
/// sentences for the user on how the source was read.
pub(crate) fn of_source(source: &Source, limits: &[Limit]) -> Value {
    let count = |split: Split| {
        let images = source.images.iter();
        let count = images.filter(|image| image.split == split).count();
        let limits = limits.iter().filter(|limit| limit.split == split);
        limits.fold(count, |count, limit| count.min(limit.count))
    };
    json!({
        "name": source.name,
        "prepared": false,
        "train": count(Split::Train),
        "val": count(Split::Val),
        "test": count(Split::Test),
        "classes": source.classes,
        "groups": source.groups.iter().map(|(_, name)| name).collect::<Vec<_>>(),
        "credit": source.credit,
        "problems": source.problems.len(),
        "remarks": source.remarks.len(),
        "notes": source.notes,
    })
}

/// Counts the data folder `dir`, which is made already. `size` is the height of its images in pixels; they are square.
/// The folder is taken as it is: limits do not apply, and what was left out when it was made is no problem any more.
///
/// # Errors
/// When it is no finished data folder.
pub(crate) fn of_folder(dir: &Path) -> Result<Value> {
    let dataset = Dataset::open(dir)?;
    let count = |split| dataset.indices(split).len();
    Ok(json!({
        "name": dataset.name(),
        "prepared": true,
        "size": dataset.grid().height,
        "train": count(Split::Train),
        "val": count(Split::Val),
        "test": count(Split::Test),
        "classes": dataset.classes,
        "groups": dataset.groups.iter().map(|(_, name)| name).collect::<Vec<_>>(),
        "problems": 0,
        "remarks": 0,
        "notes": [],
    }))
}

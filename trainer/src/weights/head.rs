//! Reads how many classes the head in a weight file has, without letting a small file ask for a large network.

use std::path::Path;

use tch::Tensor;

use crate::error::Result;
use crate::network::Backbone;
use crate::network::graph::description;
use crate::weights::described;

/// The most classes that a head may have. A network with a head of the file's size is built, so without
/// bounds a file could make the program ask for any amount of memory.
const MAX_CLASSES: i64 = 100_000;
/// The fewest weights for each class that a head may have; chosen below the built-in networks' 384. With fewer, a
/// small file could have many classes. A network from a file may have fewer; then it is as many as that one has.
const MIN_FEATURES: i64 = 256;

/// Returns the number of classes of a head whose weight is `weight`, from the file `file`; `None` where that cannot
/// be a head of `backbone`, or has too many classes.
///
/// # Errors
/// A network from a file that is wrongly described.
pub(crate) fn n_classes(weight: &Tensor, backbone: Backbone, file: &Path) -> Result<Option<usize>> {
    let description = description::read(&described::metadata(backbone), file)?;
    let least = description.map_or(MIN_FEATURES, |own| own.head_inputs.min(MIN_FEATURES));
    let size = weight.size().first().copied();
    let size = size.filter(|size| (1..=MAX_CLASSES).contains(size));
    let size = size.filter(|size| weight.numel() as i64 / size >= least);
    Ok(size.map(|size| size as usize))
}

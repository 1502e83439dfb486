//! What the localization loss is given: which training images count as annotated, which class of an
//! image is explained in an epoch, and the masks (paper section 3.5; SPEC A.2, A.5).

use std::collections::HashSet;

use data_prep::dataset::Dataset;
use tch::{Kind, TchError, Tensor};

use crate::random;

/// The annotated training images: int(fraction · N) of them. Smaller fractions are subsets of
/// larger ones.
pub fn annotated(dataset: &Dataset, train: &[usize], fraction: f64, seed: u64) -> HashSet<usize> {
    let count = (fraction * train.len() as f64) as usize;
    let id = |index: usize| dataset.images[index].image_id.as_str();
    random::shuffled(train, id, seed, "annotated", 0)
        .into_iter()
        .take(count)
        .collect()
}

/// The class of image `index` explained in `epoch`, uniform over its labels; `None` without labels.
pub fn drawn_class(dataset: &Dataset, index: usize, epoch: i32, seed: u64) -> Option<i32> {
    let image = &dataset.images[index];
    let draw = random::draw(seed, "class", epoch as u64, &image.image_id);
    let n_labels = image.labels.len();
    // Multiply-shift: uniform to within n_labels / 2^64.
    (n_labels > 0).then(|| image.labels[((u128::from(draw) * n_labels as u128) >> 64) as usize])
}

/// Masks (N, H, W) of 0 and 1 for pairs of image and class: the union of the class's boxes.
///
/// # Errors
/// libtorch's.
pub fn masks(
    dataset: &Dataset,
    pairs: &[(usize, i32)],
    dilation: f64,
    like: &Tensor,
) -> Result<Tensor, TchError> {
    let grid = dataset.grid();
    let mut cells = Vec::with_capacity(pairs.len() * grid.height * grid.width);
    for &(index, class_id) in pairs {
        let mask = dataset.class_mask(&dataset.images[index], class_id, dilation);
        cells.extend(mask.cells().iter().map(|&is_inside| u8::from(is_inside)));
    }
    let size = [pairs.len() as i64, grid.height as i64, grid.width as i64];
    Tensor::f_from_data_size(&cells, &size, Kind::Uint8)?
        .f_to_device(like.device())?
        .f_to_kind(like.kind())
}

//! Chooses the targets of the localization loss: which training images count as annotated, which class of an
//! image is explained in an epoch, and the mask that its map is compared with (paper section 3.5;
//! docs/SPEC.md A.2, A.5). The crate data-prep has the geometry of masks.

use std::collections::HashSet;

use data_prep::dataset::Dataset;
use data_prep::geometry::{Grid, Mask, View};
use tch::{Kind, TchError, Tensor};

use crate::machine::device;
use crate::names::Annotation;
use crate::random;
use crate::run::config::Guidance;

/// Chooses the training images whose annotation is used, ⌊`fraction` · N⌋ of the N images `train` (indices into
/// the data set's images). With the same seed, those of a smaller fraction are among those of a larger one.
pub fn annotated(dataset: &Dataset, train: &[usize], fraction: f64, seed: u64) -> HashSet<usize> {
    let count = (fraction * train.len() as f64) as usize;
    let id = |index: usize| dataset.images[index].image_id.as_str();
    random::shuffled(train, id, seed, "annotated", 0)
        .into_iter()
        .take(count)
        .collect()
}

/// Returns the class of image `index` that is explained in `epoch`, drawn uniformly from its labels; `None`
/// if it has no label.
pub fn drawn_class(dataset: &Dataset, index: usize, epoch: i32, seed: u64) -> Option<i32> {
    let image = &dataset.images[index];
    let draw = random::draw(seed, "class", epoch as u64, &image.image_id);
    let n_labels = image.labels.len();
    // Multiply-shift: uniform to within n_labels / 2^64.
    (n_labels > 0).then(|| image.labels[((u128::from(draw) * n_labels as u128) >> 64) as usize])
}

/// How annotations become masks.
#[derive(Clone, Copy, Debug)]
pub struct MaskOptions {
    /// Boxes or segmentations.
    pub annotation: Annotation,
    /// Boxes grow by this share of their width on the left and right, and of their height above and below.
    pub dilation: f64,
    /// Whether the loss also needs the areas of the masks.
    pub needs_areas: bool,
}

impl From<&Guidance> for MaskOptions {
    fn from(guidance: &Guidance) -> Self {
        Self {
            annotation: guidance.annotation,
            dilation: guidance.dilation,
            needs_areas: guidance.loss.loss().needs_areas,
        }
    }
}

/// The mask that the map of one class of an image is compared with.
#[derive(Clone, Debug)]
pub struct MaskTarget {
    /// The cells where attribution belongs.
    pub mask: Mask,
    /// Its area in cells of the grid, `None` where the loss needs none: the sum of the boxes' areas, or
    /// the number of a segmentation's cells.
    pub area: Option<usize>,
}

/// Returns the mask of class `class_id` on image `index`, cut and flipped by `view` as the image is (no view: the
/// whole image). `None` where `options` ask for segmentations and the image has none.
pub fn mask_target(
    dataset: &Dataset,
    (index, class_id): (usize, i32),
    options: MaskOptions,
    view: Option<View>,
) -> Option<MaskTarget> {
    let (image, dilation) = (&dataset.images[index], options.dilation);
    let mask = match options.annotation {
        Annotation::Box => dataset.class_mask(image, class_id, dilation),
        Annotation::Segmentation => dataset.class_segmentation(image, class_id)?,
    };
    let mask = match view {
        Some(view) => mask.seen(view),
        None => mask,
    };
    let area = options.needs_areas.then(|| match options.annotation {
        Annotation::Box => dataset.class_box_area(image, class_id, dilation, view),
        Annotation::Segmentation => mask.area(),
    });
    Some(MaskTarget { mask, area })
}

/// Whether any class of the images `annotated` has a mask target.
pub fn has_any_mask_target(
    dataset: &Dataset,
    annotated: &HashSet<usize>,
    options: MaskOptions,
) -> bool {
    annotated.iter().any(|&index| {
        let mut labels = dataset.images[index].labels.iter();
        labels.any(|&class_id| mask_target(dataset, (index, class_id), options, None).is_some())
    })
}

/// Returns the masks of `targets` as a tensor (N, H, W) of 0 and 1, on the device and in the type of `like`.
///
/// # Errors
/// libtorch's.
pub fn masks(targets: &[MaskTarget], grid: Grid, like: &Tensor) -> Result<Tensor, TchError> {
    let mut cells = Vec::with_capacity(targets.len() * grid.cells());
    for MaskTarget { mask, .. } in targets {
        cells.extend(mask.cells().iter().map(|&is_inside| u8::from(is_inside)));
    }
    let size = [targets.len() as i64, grid.height as i64, grid.width as i64];
    let cells = Tensor::f_from_data_size(&cells, &size, Kind::Uint8)?;
    device::upload(&cells, like.device())?.f_to_kind(like.kind())
}

/// Returns the areas of `targets` (N); empty where the loss needs none.
pub fn areas(targets: &[MaskTarget]) -> Vec<f64> {
    let areas = targets.iter().filter_map(|target| target.area);
    areas.map(|area| area as f64).collect()
}

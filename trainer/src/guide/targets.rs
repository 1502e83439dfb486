//! What the localization loss is given: which training images count as annotated, which class of an
//! image is explained in an epoch, and the masks (paper section 3.5; SPEC A.2, A.5). Geometry is
//! data-prep's.

use std::collections::HashSet;

use data_prep::dataset::Dataset;
use data_prep::geometry::{Grid, Mask, View};
use tch::{Kind, TchError, Tensor};

use crate::machine::device;
use crate::names::Annotation;
use crate::random;
use crate::run::config::Guidance;

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

/// How boxes and segmentations become masks.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Which of the two.
    pub annotation: Annotation,
    /// Boxes grow by this share of their size on each side.
    pub dilation: f64,
    /// Whether areas are to be known.
    pub needs_areas: bool,
}

impl From<&Guidance> for Target {
    fn from(guidance: &Guidance) -> Self {
        Self {
            annotation: guidance.annotation,
            dilation: guidance.dilation,
            needs_areas: guidance.loss.loss().needs_areas,
        }
    }
}

/// What one class of an image is guided to.
#[derive(Clone, Debug)]
pub struct Guided {
    /// Where attribution belongs.
    pub mask: Mask,
    /// Its area in cells of the grid, where that is to be known: of boxes their sum, of a segmentation the
    /// number of its cells.
    pub area: Option<usize>,
}

/// What class `class_id` of image `index` is guided to, seen through `view` where the image is;
/// `None` where it is not annotated: there is no segmentation and one was asked for.
pub fn guided(
    dataset: &Dataset,
    (index, class_id): (usize, i32),
    target: Target,
    view: Option<View>,
) -> Option<Guided> {
    let (image, dilation) = (&dataset.images[index], target.dilation);
    let mask = match target.annotation {
        Annotation::Box => dataset.class_mask(image, class_id, dilation),
        Annotation::Segmentation => dataset.class_segmentation(image, class_id)?,
    };
    let mask = match view {
        Some(view) => mask.seen(view),
        None => mask,
    };
    let area = target.needs_areas.then(|| match target.annotation {
        Annotation::Box => dataset.class_box_area(image, class_id, dilation, view),
        Annotation::Segmentation => mask.area(),
    });
    Some(Guided { mask, area })
}

/// Whether any class of the images `annotated` is guided at all.
pub fn is_any_guided(dataset: &Dataset, annotated: &HashSet<usize>, target: Target) -> bool {
    annotated.iter().any(|&index| {
        let mut labels = dataset.images[index].labels.iter();
        labels.any(|&class_id| guided(dataset, (index, class_id), target, None).is_some())
    })
}

/// The masks (N, H, W) of 0 and 1.
///
/// # Errors
/// libtorch's.
pub fn masks(guided: &[Guided], grid: Grid, like: &Tensor) -> Result<Tensor, TchError> {
    let mut cells = Vec::with_capacity(guided.len() * grid.cells());
    for Guided { mask, .. } in guided {
        cells.extend(mask.cells().iter().map(|&is_inside| u8::from(is_inside)));
    }
    let size = [guided.len() as i64, grid.height as i64, grid.width as i64];
    let cells = Tensor::f_from_data_size(&cells, &size, Kind::Uint8)?;
    device::upload(&cells, like.device())?.f_to_kind(like.kind())
}

/// The areas (N); empty where they were not asked for.
pub fn areas(guided: &[Guided]) -> Vec<f64> {
    let areas = guided.iter().filter_map(|guided| guided.area);
    areas.map(|area| area as f64).collect()
}

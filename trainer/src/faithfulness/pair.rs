//! Defines [`Pair`], an image and a class on it as measures see it, and chooses the pairs of a split.

use data_prep::dataset::{Dataset, Image};
use data_prep::geometry::Mask;
use evaluator::maps::to_grid;

use crate::faithfulness::order;
use crate::random;

/// An image and a class on it, with the order of its cells.
pub struct Pair {
    /// The image's cells, row by row, from the map's highest to its lowest.
    pub order: Vec<usize>,
    /// The steps in which they are treated, at least 1.
    pub steps: usize,
    /// The union of the class's boxes (docs/SPEC.md A.5); in the reversed task all outside them.
    pub mask: Mask,
    /// The union of the segmentations of the class's objects; `None` unless each of them has one.
    pub segmentation: Option<Mask>,
    /// Random bits, which depend on image and class alone.
    pub stream: u64,
}

impl Pair {
    /// Returns the pair with the `map`, of any `shape` (height, width), of its class.
    pub fn new(
        dataset: &Dataset,
        (image, class_id): (&Image, i32),
        (map, shape): (&[f32], (usize, usize)),
        steps: usize,
    ) -> Self {
        let map = to_grid(map, shape, dataset.grid());
        Pair {
            order: order::by_value(&map, &image.image_id),
            steps,
            mask: dataset.class_mask(image, class_id, 0.0),
            segmentation: dataset.class_segmentation(image, class_id),
            stream: stream("region elsewhere", image, class_id),
        }
    }
}

/// Returns random bits for a purpose and a pair.
fn stream(purpose: &str, image: &Image, class_id: i32) -> u64 {
    random::draw(0, purpose, class_id as u64, &image.image_id)
}

/// Chooses at most `n` pairs among those of the images `indices`, at random, but the same for every network. They are
/// (index into the data set's images, class), in the order of images and classes.
pub fn choose(dataset: &Dataset, indices: &[usize], n: usize) -> Vec<(usize, i32)> {
    let image = |index: usize| &dataset.images[index];
    let mut pairs: Vec<(u64, usize, i32)> = indices
        .iter()
        .flat_map(|&index| image(index).labels.iter().map(move |&class| (index, class)))
        .map(|(index, class)| (stream("pairs", image(index), class), index, class))
        .collect();
    pairs.sort_unstable();
    pairs.truncate(n);
    let mut pairs: Vec<(usize, i32)> = pairs
        .into_iter()
        .map(|(_, index, class)| (index, class))
        .collect();
    pairs.sort_unstable();
    pairs
}

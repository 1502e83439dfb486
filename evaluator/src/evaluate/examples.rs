//! Chooses the example pairs (an image and a class on it), whose maps are kept whole in `examples.parquet`. The
//! report shows some of them as pictures.
//!
//! The choice depends on seed, image id and class alone, so that every run on a split shows the same
//! images. The crate analysis draws them.

use data_prep::dataset::{Dataset, Image};

use crate::random::splitmix64;

/// One row of `examples.parquet`, without the columns that are alike in all rows (run, checkpoint, split …).
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Rank in the panel, from 0; the same pair has the same rank in every run.
    pub rank: usize,
    /// Index into the scored pairs.
    pub pair: usize,
    /// The signed map, brought to the data folder's grid: height · width values, row-major.
    pub map: Vec<f32>,
}

/// Chooses the first `n` of `pairs` (image index, class) in a pseudo-random order. Where the images have
/// groups, it takes from each group in turn, so that all have an equal share. Returns indices into `pairs`.
pub fn choose(dataset: &Dataset, pairs: &[(usize, i32)], n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_cached_key(|&i| {
        let (image, class_id) = pairs[i];
        (order_key(&dataset.images[image], class_id, seed), i)
    });
    let mut groups: Vec<Option<i32>> = pairs
        .iter()
        .map(|&(image, _)| dataset.images[image].group_id)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    let mut queues: Vec<_> = groups
        .into_iter()
        .map(|group| {
            let of_group = |&i: &usize| dataset.images[pairs[i].0].group_id == group;
            order
                .iter()
                .copied()
                .filter(of_group)
                .collect::<Vec<_>>()
                .into_iter()
        })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < n.min(pairs.len()) {
        let turn: Vec<usize> = queues.iter_mut().filter_map(Iterator::next).collect();
        chosen.extend(turn);
    }
    chosen.truncate(n);
    chosen
}

/// Returns the number by which a pair is sorted.
fn order_key(image: &Image, class_id: i32, seed: u64) -> u64 {
    // FNV-1a (64 bits, published offset and prime) over the id, then mixed with class and seed.
    let id = image
        .image_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    splitmix64(splitmix64(splitmix64(seed) ^ id) ^ class_id as u64)
}

/// Returns the boxes of a class on an image as bytes: x1 y1 x2 y2 of each, in pixels of the grid, as
/// little-endian i32.
pub fn box_bytes(dataset: &Dataset, image: &Image, class_id: i32) -> Vec<u8> {
    dataset
        .class_boxes(image, class_id)
        .iter()
        .flat_map(|b| [b.x1, b.y1, b.x2, b.y2])
        .flat_map(i32::to_le_bytes)
        .collect()
}

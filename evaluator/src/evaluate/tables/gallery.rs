//! Writes `gallery.parquet`, from which the report's gallery shows every pair (an image and a class on it) of a test
//! split: a small copy of its map, and the boxes and segmentation of its class.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{BinaryArray, Float32Array};
use rayon::prelude::*;

use super::columns::i32s;
use super::schema::GALLERY;
use super::write::{PAIRS_PER_BATCH, Tables, pair_columns};
use crate::error::Result;
use crate::evaluate::evaluated::Evaluated;
use crate::evaluate::examples::box_bytes;
use crate::maps::SmallMap;
use crate::metrics::pair::ScoredPair;

impl Tables<'_> {
    /// Writes `gallery.parquet`; `maps` are those of the scored pairs, in their order.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_gallery(&self, evaluated: &Evaluated, maps: &[SmallMap]) -> Result<()> {
        let dataset = evaluated.dataset;
        let grid = dataset.grid();
        let segmentation = |pair: &ScoredPair| {
            let mask = dataset.class_segmentation(evaluated.image(pair), pair.class_id);
            mask.map(|mask| runs(mask.cells()))
        };
        let mut writer = self.create(&GALLERY)?;
        let parts = evaluated.pairs.chunks(PAIRS_PER_BATCH);
        for (pairs, maps) in parts.zip(maps.chunks(PAIRS_PER_BATCH)) {
            let n = pairs.len();
            let [run_id, checkpoint, split, attribution, layer, precision] = self.run_columns(n);
            let [image_id, class_id] = pair_columns(evaluated, pairs);
            // Signed 8-bit values, as bytes.
            let cells = |map: &SmallMap| map.cells.iter().map(|cell| *cell as u8).collect();
            let cells: Vec<Vec<u8>> = maps.iter().map(cells).collect();
            let boxes = pairs
                .iter()
                .map(|pair| box_bytes(dataset, evaluated.image(pair), pair.class_id));
            let segmentations: Vec<Option<Vec<u8>>> = pairs.par_iter().map(segmentation).collect();
            writer.write(&GALLERY.batch(vec![
                run_id,
                checkpoint,
                split,
                image_id,
                class_id,
                attribution,
                layer,
                precision,
                i32s(maps.iter().map(|map| Some(map.height as i32))),
                i32s(maps.iter().map(|map| Some(map.width as i32))),
                Arc::new(Float32Array::from_iter_values(
                    maps.iter().map(|map| map.scale),
                )),
                Arc::new(BinaryArray::from_iter_values(cells)),
                i32s(repeat_n(Some(grid.height as i32), n)),
                i32s(repeat_n(Some(grid.width as i32), n)),
                Arc::new(BinaryArray::from_iter_values(boxes)),
                Arc::new(BinaryArray::from_iter(segmentations)),
            ])?)?;
        }
        Ok(writer.finish()?)
    }
}

/// Returns the lengths of the runs of equal cells (row by row), as little-endian i32: first of cells outside, then
/// inside, and so on in turn. The first length is 0 if the first cell is inside.
fn runs(cells: &[bool]) -> Vec<u8> {
    let mut lengths: Vec<i32> = Vec::new();
    if cells.first() == Some(&true) {
        lengths.push(0);
    }
    let alike = cells.chunk_by(|a, b| a == b);
    lengths.extend(alike.map(|run| run.len() as i32));
    lengths.iter().flat_map(|n| n.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn runs_begin_outside() {
        let of = |cells: &[u8]| -> Vec<i32> {
            let cells: Vec<bool> = cells.iter().map(|&cell| cell == 1).collect();
            let bytes = runs(&cells);
            let words = bytes.as_chunks::<4>().0.iter();
            words.map(|word| i32::from_le_bytes(*word)).collect()
        };
        assert_eq!(of(&[0, 0, 1, 1, 1, 0]), [2, 3, 1]);
        assert_eq!(of(&[1, 0, 0]), [0, 1, 2]);
        assert_eq!(of(&[1, 1]), [0, 2]);
        assert_eq!(of(&[0, 0]), [2]);
    }
}

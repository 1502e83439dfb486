//! Intersection over union (IoU) of a thresholded map with a mask (docs/SPEC.md B), at one threshold and
//! over the sweep 0.00, 0.05, … 0.95.
//!
//! The map's positive part is scaled to 0..=1 by its minimum and maximum. A cell belongs to the explanation
//! when its scaled value is strictly greater than the threshold. `evaluate::tuned` chooses a threshold on a
//! validation split.

use data_prep::geometry::Mask;

/// Number of thresholds in the sweep.
pub const N_THRESHOLDS: usize = 20;

/// A map whose positive part varies by less than this (maximum − minimum) is divided by its maximum, and
/// its minimum is not subtracted. It is the official code's constant, and absolute although maps are not normalised.
pub(crate) const UNSTRETCHED_BELOW: f64 = 1e-7;

/// Returns the i-th threshold of the sweep, `i / 20`.
pub fn sweep_threshold(i: usize) -> f64 {
    i as f64 / N_THRESHOLDS as f64
}

/// Cells in the intersection and in the union of the thresholded map and the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Iou {
    /// Cells in both.
    pub intersection: u32,
    /// Cells in at least one.
    pub union: u32,
}

impl Iou {
    /// Returns intersection over union in 0..=1; 0 where the union is empty, which enters means as 0.
    pub fn value(&self) -> f64 {
        if self.union == 0 {
            0.0
        } else {
            f64::from(self.intersection) / f64::from(self.union)
        }
    }
}

/// Returns the IoU of `map` (row-major, signed, on the mask's grid) with `mask` at one `threshold`.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
pub fn iou(map: &[f32], mask: &Mask, threshold: f64) -> Iou {
    Scale::of(map).iou(map, mask, threshold)
}

/// Returns [`iou`] at every [`sweep_threshold`], from one histogram of the scaled map.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
pub fn sweep(map: &[f32], mask: &Mask) -> [Iou; N_THRESHOLDS] {
    Scale::of(map).sweep(map, mask)
}

/// How the positive part of one map is brought to 0..=1: `(value − min) / range`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    min: f64,
    range: f64,
    /// Whether the official code's constant decides: the positive part is not flat and its minimum not 0,
    /// but it varies by so little that the minimum is not subtracted.
    pub(crate) is_under_constant: bool,
}

impl Scale {
    /// Finds minimum and maximum of the map's positive part.
    pub(crate) fn of(map: &[f32]) -> Self {
        // Eight running minima and maxima: with a single one, each comparison would wait for the one before.
        let (mut least, mut greatest) = ([f32::INFINITY; 8], [0.0_f32; 8]);
        let (chunks, rest) = map.as_chunks::<8>();
        for chunk in chunks {
            for (i, &value) in chunk.iter().enumerate() {
                let positive = if value > 0.0 { value } else { 0.0 };
                least[i] = if positive < least[i] {
                    positive
                } else {
                    least[i]
                };
                greatest[i] = if positive > greatest[i] {
                    positive
                } else {
                    greatest[i]
                };
            }
        }
        let positive = rest.iter().map(|value| value.max(0.0));
        let min = positive.clone().chain(least).fold(f32::INFINITY, f32::min);
        let max = positive.chain(greatest).fold(0.0, f32::max);
        let (min, max) = (f64::from(min), f64::from(max));
        let is_stretched = max - min >= UNSTRETCHED_BELOW;
        let (min_subtracted, range) = match max {
            0.0 => (0.0, 1.0),
            _ if is_stretched => (min, max - min),
            _ => (0.0, max),
        };
        Self {
            min: min_subtracted,
            range,
            is_under_constant: !is_stretched && 0.0 < min && min < max,
        }
    }

    /// Scales one value.
    fn apply(self, value: f32) -> f64 {
        let positive = if value > 0.0 { value } else { 0.0 };
        (f64::from(positive) - self.min) / self.range
    }

    /// Returns [`iou`] of the map that this scale was made from.
    pub(crate) fn iou(self, map: &[f32], mask: &Mask, threshold: f64) -> Iou {
        assert_eq!(map.len(), mask.cells().len(), "map and mask on one grid");
        let mut iou = Iou::default();
        for (&value, &is_inside) in map.iter().zip(mask.cells()) {
            let is_explained = self.apply(value) > threshold;
            iou.intersection += u32::from(is_explained && is_inside);
            iou.union += u32::from(is_explained || is_inside);
        }
        iou
    }

    /// Returns [`sweep`] of the map that this scale was made from.
    pub(crate) fn sweep(self, map: &[f32], mask: &Mask) -> [Iou; N_THRESHOLDS] {
        assert_eq!(map.len(), mask.cells().len(), "map and mask on one grid");
        // For the product of a value and the number of thresholds, rounded down, the threshold below it and that at
        // it. The product is rounded; comparing as `iou` does makes both agree exactly.
        let mut near = [[f64::INFINITY; 2]; N_THRESHOLDS + 1];
        near[0][0] = f64::NEG_INFINITY;
        for k in 0..N_THRESHOLDS {
            near[k][1] = sweep_threshold(k);
            near[k + 1][0] = sweep_threshold(k);
        }
        // `above[i % 4][k][is inside]`: the number of cells whose value exceeds exactly the first k thresholds. With
        // one count for equal cells side by side, each addition would wait for the one before.
        let mut above = [[[0_u32; 2]; N_THRESHOLDS + 1]; 4];
        let mut count = |i: usize, value: f64, is_inside: bool| {
            let k = ((value * N_THRESHOLDS as f64) as usize).min(N_THRESHOLDS);
            let [below, at] = near[k];
            let k = k + usize::from(value > at) - usize::from(value <= below);
            above[i % 4][k][usize::from(is_inside)] += 1;
        };
        // Several at a time, since a processor divides several as fast as one.
        let (chunks, last_values) = map.as_chunks::<8>();
        let (chunks_of_mask, last_cells) = mask.cells().as_chunks::<8>();
        for (values, cells) in chunks.iter().zip(chunks_of_mask) {
            let values = values.map(|value| self.apply(value));
            for i in 0..8 {
                count(i, values[i], cells[i]);
            }
        }
        for (&value, &is_inside) in last_values.iter().zip(last_cells) {
            count(0, self.apply(value), is_inside);
        }
        let above: [[u32; 2]; N_THRESHOLDS + 1] =
            std::array::from_fn(|k| [0, 1].map(|inside| above.iter().map(|a| a[k][inside]).sum()));
        let area: u32 = above.iter().map(|cells| cells[1]).sum();
        let mut sweep = [Iou::default(); N_THRESHOLDS];
        // Sums from the top: cells above threshold k are those in `above[k + 1]` and later.
        let (mut outside, mut intersection) = (0, 0);
        for k in (0..N_THRESHOLDS).rev() {
            outside += above[k + 1][0];
            intersection += above[k + 1][1];
            let union = area + outside;
            sweep[k] = Iou {
                intersection,
                union,
            };
        }
        sweep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_prep::geometry::Grid;

    fn mask(cells: &[u8]) -> Mask {
        let grid = Grid {
            height: 1,
            width: cells.len(),
        };
        Mask::from_cells(cells.iter().map(|&cell| cell == 1).collect(), grid)
    }

    /// Returns (intersection, union) at a threshold.
    fn at(map: &[f32], cells: &[u8], threshold: f64) -> (u32, u32) {
        let iou = iou(map, &mask(cells), threshold);
        (iou.intersection, iou.union)
    }

    #[test]
    fn literal_maps() {
        // Scaled: 0, 0.5, 1, 0 (negative).
        let map = [0.0, 1.0, 2.0, -9.0];
        let cells = [0, 1, 0, 1];
        assert_eq!(at(&map, &cells, 0.0), (1, 3));
        assert_eq!(at(&map, &cells, 0.49), (1, 3));
        assert_eq!(at(&map, &cells, 0.5), (0, 3)); // strictly greater
        assert_eq!(at(&map, &cells, 0.95), (0, 3));
        // The minimum of the positive part is subtracted: 0, 0.25, 1.
        assert_eq!(at(&[4.0, 5.0, 8.0], &[1, 1, 0], 0.0), (1, 3));
        assert_eq!(at(&[4.0, 5.0, 8.0], &[1, 1, 0], 0.25), (0, 3));
    }

    #[test]
    fn flat_and_empty_maps() {
        assert_eq!(at(&[0.0, -1.0], &[1, 0], 0.0), (0, 1));
        assert_eq!(at(&[0.0, -1.0], &[0, 0], 0.0), (0, 0));
        assert_eq!(iou(&[0.0], &mask(&[0]), 0.5).value(), 0.0);
        // Flat positive maps become all ones, even those of tiny values.
        assert_eq!(at(&[3.0, 3.0], &[1, 0], 0.95), (1, 2));
        assert_eq!(at(&[1e-9, 1e-9], &[1, 0], 0.95), (1, 2));
        // Divided by the maximum, not scaled by the range: 0.5 and 1.
        assert_eq!(at(&[1e-8, 2e-8], &[1, 0], 0.4), (1, 2));
        assert_eq!(at(&[1e-8, 2e-8], &[1, 0], 0.5), (0, 2));
    }

    #[test]
    fn the_constant_decides_where_the_minimum_would_be_subtracted() {
        for (map, is_under) in [
            ([1e-8, 2e-8], true),
            ([0.5, 0.5_f32.next_up()], true),
            ([1e-8, 1e-8], false), // flat: all ones at any scale
            ([0.0, 2e-8], false),
            ([-1.0, 2e-8], false),
            ([1.0, 2.0], false),
            ([0.0, 0.0], false),
        ] {
            assert_eq!(Scale::of(&map).is_under_constant, is_under, "{map:?}");
        }
    }

    #[test]
    fn the_sweep_is_the_direct_way_at_every_threshold() {
        // Values on and next to the thresholds, and a spread of others.
        let mut map = vec![0.0, 1.0, -1.0];
        for i in 0..N_THRESHOLDS {
            let t = sweep_threshold(i) as f32;
            map.extend([t, t.next_up(), t.next_down().max(-1.0)]);
        }
        map.extend((0..500).map(|i| (i as f32 * 0.7368).sin()));
        for factor in [1.0_f32, 3e-3, 1e-8, 0.0, -1.0] {
            let map: Vec<f32> = map.iter().map(|value| value * factor).collect();
            let cells: Vec<u8> = (0..map.len()).map(|i| (i % 3 == 0) as u8).collect();
            let mask = mask(&cells);
            let sweep = sweep(&map, &mask);
            for (k, found) in sweep.into_iter().enumerate() {
                let threshold = sweep_threshold(k);
                assert_eq!(found, iou(&map, &mask, threshold), "{factor} {threshold}");
            }
        }
    }
}

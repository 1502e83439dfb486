//! Intersection over union (IoU) of a thresholded map with a mask (docs/SPEC.md B), at one threshold and
//! over the sweep 0.00, 0.05, … 0.95.
//!
//! The map's positive part is scaled to 0..=1 by its minimum and maximum. A cell belongs to the explanation
//! when its scaled value is strictly greater than the threshold. `evaluate::tuned` chooses a threshold on a
//! validation split.

use data_prep::geometry::Mask;
use multiversion::multiversion;

use super::sums::{BLOCK, positive};

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
        let [min, max] = extent(map).map(f64::from);
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
        (f64::from(positive(value)) - self.min) / self.range
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
        let above = exceeding(self, map, mask.cells());
        let area: u32 = above[1].iter().sum();
        let mut sweep = [Iou::default(); N_THRESHOLDS];
        // Sums from the top: cells above threshold k are those that exceed the first k + 1 or more.
        let (mut outside, mut intersection) = (0, 0);
        for k in (0..N_THRESHOLDS).rev() {
            outside += above[0][k + 1];
            intersection += above[1][k + 1];
            let union = area + outside;
            sweep[k] = Iou {
                intersection,
                union,
            };
        }
        sweep
    }
}

/// Returns minimum and maximum of the map's positive part.
#[multiversion(targets("x86_64+avx2"))]
fn extent(map: &[f32]) -> [f32; 2] {
    // Eight running minima and maxima: with a single one, each comparison would wait for the one before.
    let (mut least, mut greatest) = ([f32::INFINITY; 8], [0.0_f32; 8]);
    let (chunks, rest) = map.as_chunks::<8>();
    for chunk in chunks {
        for (i, &value) in chunk.iter().enumerate() {
            let value = positive(value);
            least[i] = if value < least[i] { value } else { least[i] };
            greatest[i] = if value > greatest[i] {
                value
            } else {
                greatest[i]
            };
        }
    }
    let positive = rest.iter().map(|value| value.max(0.0));
    let min = positive.clone().chain(least).fold(f32::INFINITY, f32::min);
    let max = positive.chain(greatest).fold(0.0, f32::max);
    [min, max]
}

/// A bit of an index in [`exceeding`], beside the five of its count: the cell is inside the mask.
const INSIDE: u8 = 1 << 5;
/// Another one: the cell's value is so near a threshold that its count is not sure.
const NEAR: u8 = 1 << 6;

/// Returns how many cells of a map exceed exactly the first k thresholds of the sweep, for k from 0 on; first of those
/// outside the mask, then of those inside.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn exceeding(scale: Scale, map: &[f32], cells: &[bool]) -> [[u32; N_THRESHOLDS + 1]; 2] {
    /// An f64 of this size has no digits behind the point, so that adding it rounds to an integer, which is then in
    /// the lowest bits.
    const INTEGER: f64 = (1_u64 << 52) as f64;
    /// Values are multiplied by thresholds / range, while [`Scale::apply`] divides: where both could differ, in parts
    /// of the distance of two thresholds. Rounding errors are below 1e-14.
    const ERROR: f64 = 1e-9;
    let n_thresholds = N_THRESHOLDS as f64;
    let factor = n_thresholds / scale.range;
    // A count for every place of four: with one for equal cells side by side, each addition would wait for the one
    // before.
    let mut counts = [[0_u32; 1 << 7]; 4];
    let mut unsure = [[0; N_THRESHOLDS + 1]; 2];
    let mut indices = [0; BLOCK];
    for (values, cells) in map.chunks(BLOCK).zip(cells.chunks(BLOCK)) {
        let n = values.len();
        let (indices, cells) = (&mut indices[..n], &cells[..n]);
        let mut any = 0;
        for i in 0..n {
            // A value between thresholds k − 1 and k is from k − 1 to k here, and exceeds k of them; the greatest
            // exceeds all. Exactly 0 becomes ½, which is rounded to 0.
            let at = (f64::from(positive(values[i])) - scale.min) * factor;
            let at = if at < n_thresholds {
                at
            } else {
                n_thresholds - 0.5
            };
            let shifted = at + 0.5;
            let rounded = shifted + INTEGER;
            let is_near = ((shifted - (rounded - INTEGER)).abs() > 0.5 - ERROR) & (at > 0.0);
            let count = rounded.to_bits() as u8 & (INSIDE - 1);
            indices[i] = count | (u8::from(cells[i]) * INSIDE) | (u8::from(is_near) * NEAR);
            any |= indices[i];
        }
        let (fours, last) = indices.as_chunks::<4>();
        for four in fours {
            for i in 0..4 {
                counts[i][usize::from(four[i]) % (1 << 7)] += 1;
            }
        }
        for &index in last {
            counts[0][usize::from(index) % (1 << 7)] += 1;
        }
        if any & NEAR != 0 {
            for i in (0..n).filter(|&i| indices[i] & NEAR != 0) {
                // Compared with the threshold as `Scale::iou` does.
                let value = scale.apply(values[i]);
                let nearest = (value * n_thresholds).round() as usize;
                let k = nearest + usize::from(value > sweep_threshold(nearest));
                unsure[usize::from(cells[i])][k] += 1;
            }
        }
    }
    let of_index = |index: usize| counts.iter().map(|counts| counts[index]).sum::<u32>();
    [0, 1].map(|inside| {
        std::array::from_fn(|k| of_index(k + inside * usize::from(INSIDE)) + unsure[inside][k])
    })
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

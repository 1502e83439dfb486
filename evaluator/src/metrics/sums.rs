//! Sums over the cells of a map, by what several masks say of a cell.

use data_prep::geometry::Mask;

/// Cells that are worked on at a time: few enough for the nearest cache, and a multiple of [`LANES`].
pub(super) const BLOCK: usize = 256;
/// Sums that are made side by side: with a single one, each addition would wait for the one before.
const LANES: usize = 8;

/// Returns the sum of `part` over all cells of `map`. `part` gets the value of a cell and whether it is inside each of
/// `masks`, and should be free of branches. Which cells are summed side by side depends on nothing but their number,
/// so that a part that is nowhere greater than another has no greater sum.
///
/// # Panics
/// When `map` has another number of cells than a mask.
#[inline(always)]
pub(super) fn sum_of<const M: usize>(
    map: &[f32],
    masks: [&Mask; M],
    part: impl Fn(f32, [bool; M]) -> f32,
) -> f64 {
    let masks = masks.map(Mask::cells);
    for cells in masks {
        assert_eq!(map.len(), cells.len(), "map and mask on one grid");
    }
    let mut sums = [0.0; LANES];
    let mut parts = [0.0; BLOCK];
    for (values, start) in map.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        let n = values.len();
        let masks = masks.map(|cells| &cells[start..start + n]);
        let parts = &mut parts[..n];
        // Two loops, as the compiler computes several cells at a time in each of them, but not in both together.
        for i in 0..n {
            parts[i] = part(values[i], masks.map(|cells| cells[i]));
        }
        let (chunks, last) = parts.as_chunks::<LANES>();
        for chunk in chunks {
            for i in 0..LANES {
                sums[i] += f64::from(chunk[i]);
            }
        }
        for (sum, &part) in sums.iter_mut().zip(last) {
            *sum += f64::from(part);
        }
    }
    sums.iter().sum()
}

/// Returns max(`value`, 0).
#[inline(always)]
pub(super) fn positive(value: f32) -> f32 {
    if value > 0.0 { value } else { 0.0 }
}

/// Returns `value` where `is_kept`, else 0.
#[inline(always)]
pub(super) fn kept(value: f32, is_kept: bool) -> f32 {
    f32::from_bits(value.to_bits() & u32::from(is_kept).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_prep::geometry::Grid;

    #[test]
    fn every_cell_is_summed_once() {
        for n in [1, 7, 8, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 13] {
            let map: Vec<f32> = (0..n).map(|i| (i % 31) as f32 - 9.0).collect();
            let mask = |step: usize| {
                let cells = (0..n).map(|i| i.is_multiple_of(step)).collect();
                let grid = Grid {
                    height: 1,
                    width: n,
                };
                Mask::from_cells(cells, grid)
            };
            let (thirds, fifths) = (mask(3), mask(5));
            let found = sum_of(&map, [&thirds, &fifths], |value, [third, fifth]| {
                kept(positive(value), third & !fifth)
            });
            let expected: f32 = (0..n)
                .filter(|i| i % 3 == 0 && i % 5 != 0 && map[*i] > 0.0)
                .map(|i| map[i])
                .sum();
            assert_eq!(found, f64::from(expected), "{n}");
            let all = sum_of(&map, [], |value, []| value);
            assert_eq!(all, f64::from(map.iter().sum::<f32>()), "{n}");
        }
    }
}

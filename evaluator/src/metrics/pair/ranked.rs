//! Ranks the cells of a map by their value, once for all metrics of a pair (an image and a class on it) that
//! ask for the order of the cells.

use data_prep::geometry::Mask;

/// The cells of a map in two orders, each with whether it is inside a mask.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    /// From the highest value to the lowest.
    by_value: Vec<Cell>,
    /// From the highest absolute value to the lowest.
    by_magnitude: Vec<Cell>,
}

/// A cell: the [`rank`] of its absolute value · 4, + 2 where it is negative, + 1 where it is inside the mask. Two
/// have the same value where all but the last bit is the same.
type Cell = u64;

/// All cells of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tie {
    /// How many of them are inside the mask.
    pub(super) inside: u32,
    /// How many there are.
    pub(super) cells: u32,
}

/// The bits of a rank that one pass of sorting looks at; three passes see all 31.
const DIGIT: u32 = 11;
/// The number of values that such a digit has.
const BUCKETS: usize = 1 << DIGIT;

impl Ranked {
    /// Ranks the cells of `map`, which is on the grid of `mask`. Zeros of both signs are one value.
    ///
    /// # Panics
    /// When `map` has another number of cells than `mask`.
    pub(super) fn new(map: &[f32], mask: &Mask) -> Self {
        assert_eq!(map.len(), mask.cells().len(), "map and mask on one grid");
        let cells = map.iter().zip(mask.cells()).map(|(&value, &is_inside)| {
            let value = value + 0.0; // −0 + 0 is 0
            let sign = u64::from(value.is_sign_negative());
            u64::from(rank(value.abs())) << 2 | sign << 1 | u64::from(is_inside)
        });
        let mut by_magnitude: Vec<Cell> = cells.collect();
        let mut by_value = vec![0; by_magnitude.len()];
        sort(&mut by_magnitude, &mut by_value);
        // Positive cells from the front, negative ones from the back. Each is written to both places, and the
        // wrong one is written over, as no branch can foresee the sign.
        let (mut front, mut back) = (0, by_value.len());
        for &cell in &by_magnitude {
            let is_negative = (cell >> 1 & 1) as usize;
            by_value[back - 1] = cell;
            by_value[front] = cell;
            front += 1 - is_negative;
            back -= is_negative;
        }
        Self {
            by_value,
            by_magnitude,
        }
    }

    /// Returns the cells value by value, the highest first.
    pub(super) fn ties(&self) -> impl Iterator<Item = Tie> {
        let mut cells = self.by_value.iter().peekable();
        std::iter::from_fn(move || {
            let mut tie = Tie::default();
            while let Some(cell) = cells.next() {
                tie.inside += (cell & 1) as u32;
                tie.cells += 1;
                if cells.peek().is_none_or(|next| *next >> 1 != cell >> 1) {
                    return Some(tie);
                }
            }
            None
        })
    }

    /// Returns how many of the `k` highest cells are inside the mask. Of equal cells of which only some are
    /// among them, each counts by the same part, so that the result is what it is on average over all orders of
    /// equal cells.
    pub(super) fn inside_of_top(&self, k: usize) -> f64 {
        let (mut inside, mut left) = (0.0, k as f64);
        for tie in self.ties() {
            let cells = f64::from(tie.cells);
            if cells >= left {
                return inside + f64::from(tie.inside) * (left / cells);
            }
            inside += f64::from(tie.inside);
            left -= cells;
        }
        inside
    }

    /// Returns the absolute values, the highest first.
    pub(super) fn magnitudes(&self) -> impl ExactSizeIterator<Item = f32> {
        self.by_magnitude
            .iter()
            .map(|cell| magnitude((cell >> 2) as u32))
    }
}

/// Returns a number of 31 bits that is the lower the higher the absolute value.
fn rank(magnitude: f32) -> u32 {
    i32::MAX as u32 - magnitude.to_bits()
}

/// Returns the absolute value that has this [`rank`].
fn magnitude(rank: u32) -> f32 {
    f32::from_bits(i32::MAX as u32 - rank)
}

/// Sorts `cells` by their ranks; `other` is room for as many. It is a radix sort: by the lowest digit, then by
/// the next one, where what is equal keeps its order. For maps it takes half the time of a sort by comparison.
fn sort(cells: &mut Vec<Cell>, other: &mut Vec<Cell>) {
    let digit = |cell: Cell, place: u32| (cell >> (2 + place * DIGIT)) as usize % BUCKETS;
    let mut counts = [[0_u32; BUCKETS]; 3];
    for &cell in cells.iter() {
        for (place, counts) in (0..).zip(&mut counts) {
            counts[digit(cell, place)] += 1;
        }
    }
    for (place, counts) in (0..).zip(&mut counts) {
        let mut first = 0;
        for count in counts.iter_mut() {
            (*count, first) = (first, first + *count);
        }
        for &cell in cells.iter() {
            let next = &mut counts[digit(cell, place)];
            other[*next as usize] = cell;
            *next += 1;
        }
        std::mem::swap(cells, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_prep::geometry::Grid;

    fn ranked(map: &[f32], inside: &[bool]) -> Ranked {
        let grid = Grid {
            height: 1,
            width: map.len(),
        };
        Ranked::new(map, &Mask::from_cells(inside.to_vec(), grid))
    }

    /// Returns the values, the highest first.
    fn values(ranked: &Ranked) -> Vec<f32> {
        let cells = ranked.by_value.iter();
        cells
            .map(|cell| {
                let magnitude = magnitude((cell >> 2) as u32);
                if cell >> 1 & 1 == 1 {
                    -magnitude
                } else {
                    magnitude
                }
            })
            .collect()
    }

    #[test]
    fn cells_go_from_the_highest_to_the_lowest() {
        let map = [0.5, -2.0, -0.0, 3.0, 0.0, -1e-40, 3.0, f32::MAX, -f32::MAX];
        let inside = [1, 0, 1, 1, 0, 1, 0, 0, 1].map(|inside| inside == 1);
        let ranked = ranked(&map, &inside);
        let expected = [f32::MAX, 3.0, 3.0, 0.5, 0.0, 0.0, -1e-40, -2.0, -f32::MAX];
        assert_eq!(values(&ranked), expected);
        let ties: Vec<(u32, u32)> = ranked.ties().map(|tie| (tie.inside, tie.cells)).collect();
        let expected = [(0, 1), (1, 2), (1, 1), (1, 2), (1, 1), (0, 1), (1, 1)];
        assert_eq!(ties, expected);
        let expected = [0.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 4.0, 5.0, 5.0];
        for (k, inside) in expected.into_iter().enumerate() {
            assert_eq!(ranked.inside_of_top(k), inside, "{k}");
        }
    }

    #[test]
    fn the_orders_are_those_of_a_sort_by_comparison() {
        let mut state = 1_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 32) as u32
        };
        for scale in [1e-38_f32, 1.0, 1e29] {
            let mut map: Vec<f32> = (0..3000).map(|_| draw() as i32 as f32 * scale).collect();
            let inside: Vec<bool> = (0..3000).map(|_| draw() % 2 == 1).collect();
            let ranked = ranked(&map, &inside);
            map.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(values(&ranked), map);
            map.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
            let found: Vec<f32> = ranked.magnitudes().collect();
            assert_eq!(
                found,
                map.iter().map(|value| value.abs()).collect::<Vec<f32>>()
            );
        }
    }
}

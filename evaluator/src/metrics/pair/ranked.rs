//! Ranks the cells of a map by their value, once for all metrics of a pair (an image and a class on it) that
//! ask for the order of the cells.

use std::cell::Cell;

use data_prep::geometry::Mask;

/// The cells of a map by value.
#[derive(Debug, Clone)]
pub(super) struct Ranked(Lists);

/// What [`Ranked`] consists of.
#[derive(Debug, Clone, Default)]
struct Lists {
    /// The values that cells inside the mask have, the highest first.
    ties: Vec<Tie>,
    /// Positive cells, the highest value first.
    positive: Vec<Key>,
    /// Negative cells, likewise.
    negative: Vec<Key>,
    /// Room for sorting.
    spare: Vec<Key>,
}

thread_local! {
    /// The lists of the ranking that this thread dropped last, whose memory the next one takes.
    static DROPPED: Cell<Lists> = Cell::default();
}

/// A cell: the bits of its absolute value · 2, + 1 where it is inside the mask.
type Key = u32;

/// All cells of one value, at least one of which is inside the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tie {
    /// How many cells are higher.
    pub(super) above: u32,
    /// How many cells have the value.
    pub(super) cells: u32,
    /// How many of these are inside the mask.
    pub(super) inside: u32,
}

impl Ranked {
    /// Ranks the cells of `map`, which is on the grid of `mask`; `area` of them are inside. Zeros of both signs are
    /// one value.
    ///
    /// # Panics
    /// When `map` has another number of cells than `mask`.
    pub(super) fn new(map: &[f32], mask: &Mask, area: usize) -> Self {
        assert_eq!(map.len(), mask.cells().len(), "map and mask on one grid");
        let mut lists = DROPPED.take();
        let Lists {
            ties,
            positive,
            negative,
            spare,
        } = &mut lists;
        // Each cell is written to both lists, and what does not belong there is written over, as no branch can
        // foresee the sign; neither keeps zeros. Sums wrap, here and below, as looking for overflow would take long.
        positive.resize(map.len() + 1, 0);
        negative.resize(map.len() + 1, 0);
        let (mut n_positive, mut n_negative) = (0_usize, 0_usize);
        for (&value, &is_inside) in map.iter().zip(mask.cells()) {
            let bits = (value + 0.0).to_bits(); // −0 + 0 is 0
            let key = bits << 1 | u32::from(is_inside); // without the sign
            positive[n_positive] = key;
            negative[n_negative] = key;
            n_positive = n_positive.wrapping_add(usize::from(bits as i32 > 0));
            n_negative = n_negative.wrapping_add((bits >> 31) as usize);
        }
        positive.truncate(n_positive);
        negative.truncate(n_negative);
        sort(positive, spare);
        sort(negative, spare);
        negative.reverse();
        ties.clear();
        let mut inside = add_ties(positive, 0, spare, ties);
        let place_of_zero = ties.len();
        inside += add_ties(negative, map.len() - n_negative, spare, ties);
        if inside < area {
            let zero = Tie {
                above: n_positive as u32,
                cells: (map.len() - n_positive - n_negative) as u32,
                inside: (area - inside) as u32,
            };
            ties.insert(place_of_zero, zero);
        }
        Self(lists)
    }

    /// Returns the values that cells inside the mask have, the highest first.
    pub(super) fn ties(&self) -> &[Tie] {
        &self.0.ties
    }

    /// Returns how many of the `k` highest cells are inside the mask. Of equal cells of which only some are
    /// among them, each counts by the same part, so that the result is what it is on average over all orders of
    /// equal cells.
    pub(super) fn inside_of_top(&self, k: usize) -> f64 {
        let mut inside = 0.0;
        for tie in self.ties() {
            let (left, cells) = (k as f64 - f64::from(tie.above), f64::from(tie.cells));
            if cells >= left {
                return inside + f64::from(tie.inside) * (left.max(0.0) / cells);
            }
            inside += f64::from(tie.inside);
        }
        inside
    }

    /// Returns how many cells are not 0.
    pub(super) fn n_nonzero(&self) -> usize {
        self.0.positive.len() + self.0.negative.len()
    }

    /// Returns the absolute values that are not 0 in pairs: the highest and the lowest, the second highest and the
    /// second lowest, and so on. Of an odd number the last pair has the middle one twice. Each step of an order waits
    /// for the one before, so both orders take half the time of a single one that goes through all.
    pub(super) fn magnitudes(&self) -> impl Iterator<Item = (f32, f32)> {
        let (positive, negative) = (&self.0.positive[..], &self.0.negative[..]);
        let of = |keys: &[Key], i: usize| keys.get(i).map(|key| key >> 1);
        // The next places in both lists: the highest are at their outer ends, the lowest at their inner ends. Beyond
        // either end of a list comes what all values of the other one go before; the place before 0 wraps.
        let mut high = (0_usize, negative.len().wrapping_sub(1));
        let mut low = (positive.len().wrapping_sub(1), 0_usize);
        (0..self.n_nonzero().div_ceil(2)).map(move |_| {
            let a = of(positive, high.0).unwrap_or(0);
            let b = of(negative, high.1).unwrap_or(0);
            high.0 = high.0.wrapping_add(usize::from(a >= b));
            high.1 = high.1.wrapping_sub(usize::from(a < b));
            let c = of(positive, low.0).unwrap_or(Key::MAX);
            let d = of(negative, low.1).unwrap_or(Key::MAX);
            low.0 = low.0.wrapping_sub(usize::from(c <= d));
            low.1 = low.1.wrapping_add(usize::from(c > d));
            (f32::from_bits(a.max(b)), f32::from_bits(c.min(d)))
        })
    }
}

/// Keeps the memory for the thread's next ranking.
impl Drop for Ranked {
    fn drop(&mut self) {
        DROPPED.set(std::mem::take(&mut self.0));
    }
}

/// Adds the ties of sorted keys, which have `above` cells above them, and returns how many cells are inside the mask;
/// `inside` is room for as many.
fn add_ties(keys: &[Key], above: usize, inside: &mut Vec<u32>, ties: &mut Vec<Tie>) -> usize {
    // Where the cells inside are, found without a branch, which could not foresee it.
    inside.resize(keys.len() + 1, 0);
    let (mut n_inside, mut place) = (0_usize, 0_u32);
    for key in keys {
        inside[n_inside] = place;
        n_inside = n_inside.wrapping_add((key & 1) as usize);
        place = place.wrapping_add(1);
    }
    let mut end = 0;
    for &place in &inside[..n_inside] {
        let place = place as usize;
        if place < end {
            continue;
        }
        let is_same = |key: &&Key| **key >> 1 == keys[place] >> 1;
        let start = place - keys[..place].iter().rev().take_while(is_same).count();
        let mut tie = Tie {
            above: (above + start) as u32,
            cells: (place - start) as u32,
            inside: 0,
        };
        for key in keys[place..].iter().take_while(is_same) {
            tie.cells += 1;
            tie.inside += key & 1;
        }
        end = start + tie.cells as usize;
        ties.push(tie);
    }
    n_inside
}

/// Sorts `keys`, the highest first; `other` is room for as many. It is a radix sort: by the lowest digit, then by the
/// next one, where what is equal keeps its order. For maps it takes a quarter of the time of a sort by comparison. The
/// highest digit may be large, as it is mostly exponent, of which a map has few.
fn sort(keys: &mut Vec<Key>, other: &mut Vec<Key>) {
    other.resize(keys.len(), 0);
    let (mut low, mut middle, mut high) = ([0; 1 << 9], [0; 1 << 9], [0; 1 << 13]);
    for key in keys.iter() {
        count(key >> 1, &mut low);
        count(key >> 10, &mut middle);
        count(key >> 19, &mut high);
    }
    for counts in [&mut low[..], &mut middle, &mut high] {
        let mut sum = 0_u32;
        for count in counts.iter_mut().rev() {
            (*count, sum) = (sum, sum.wrapping_add(*count));
        }
    }
    for &key in keys.iter() {
        other[count(key >> 1, &mut low)] = key;
    }
    for &key in other.iter() {
        keys[count(key >> 10, &mut middle)] = key;
    }
    for &key in keys.iter() {
        other[count(key >> 19, &mut high)] = key;
    }
    std::mem::swap(keys, other);
}

/// Returns the count of a digit, the lowest bits of `key`, and adds 1 to it.
fn count<const N: usize>(key: Key, counts: &mut [u32; N]) -> usize {
    let count = &mut counts[key as usize % N];
    let before = *count;
    *count = before.wrapping_add(1);
    before as usize
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
        let mask = Mask::from_cells(inside.to_vec(), grid);
        Ranked::new(map, &mask, mask.area())
    }

    /// Returns the values that are not 0, the highest first.
    fn values(ranked: &Ranked) -> Vec<f32> {
        let Lists {
            positive, negative, ..
        } = &ranked.0;
        let positive = positive.iter().map(|key| f32::from_bits(key >> 1));
        let negative = negative.iter().map(|key| -f32::from_bits(key >> 1));
        positive.chain(negative).collect()
    }

    /// Returns pseudo-random numbers.
    fn draws() -> impl FnMut() -> u32 {
        let mut state = 1_u64;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 32) as u32
        }
    }

    #[test]
    fn cells_go_from_the_highest_to_the_lowest() {
        let map = [0.5, -2.0, -0.0, 3.0, 0.0, -1e-40, 3.0, f32::MAX, -f32::MAX];
        let inside = [1, 0, 1, 1, 0, 1, 0, 0, 1].map(|inside| inside == 1);
        let ranked = ranked(&map, &inside);
        let expected = [f32::MAX, 3.0, 3.0, 0.5, -1e-40, -2.0, -f32::MAX];
        assert_eq!(values(&ranked), expected);
        let ties: Vec<(u32, u32, u32)> = ranked
            .ties()
            .iter()
            .map(|tie| (tie.above, tie.cells, tie.inside))
            .collect();
        let expected = [(1, 2, 1), (3, 1, 1), (4, 2, 1), (6, 1, 1), (8, 1, 1)];
        assert_eq!(ties, expected);
        let expected = [0.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 4.0, 5.0, 5.0];
        for (k, inside) in expected.into_iter().enumerate() {
            assert_eq!(ranked.inside_of_top(k), inside, "{k}");
        }
    }

    #[test]
    fn the_orders_are_those_of_a_sort_by_comparison() {
        let mut draw = draws();
        for (scale, n) in [(1e-38_f32, 3000), (1.0, 3001), (1e29, 3000)] {
            let mut map: Vec<f32> = (0..n).map(|_| draw() as i32 as f32 * scale).collect();
            let inside: Vec<bool> = (0..n).map(|_| draw() % 2 == 1).collect();
            let ranked = ranked(&map, &inside);
            map.retain(|&value| value != 0.0);
            map.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(values(&ranked), map);
            map.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
            assert_eq!(ranked.n_nonzero(), map.len());
            let absolute = map.iter().map(|value| value.abs());
            let pairs = absolute.clone().zip(absolute.rev());
            assert!(ranked.magnitudes().eq(pairs.take(map.len().div_ceil(2))));
        }
    }

    #[test]
    fn a_tie_is_all_cells_of_a_value_if_one_is_inside() {
        let mut draw = draws();
        // Distinct values in number; the fewer, the larger the ties. Of cells one in `rare` is inside.
        for (levels, rare) in [(1, 1), (1, 9), (2, 2), (3, 5), (40, 3), (40, 60), (4000, 4)] {
            let values = |draw: u32| (draw % levels) as f32 - (levels / 2) as f32;
            let map: Vec<f32> = (0..501).map(|_| values(draw())).collect();
            let inside: Vec<bool> = (0..501).map(|_| draw().is_multiple_of(rare)).collect();
            let mut distinct = map.clone();
            distinct.sort_by(|a, b| b.total_cmp(a));
            distinct.dedup();
            let cells = || map.iter().zip(&inside);
            let all = distinct.iter().map(|&value| Tie {
                above: cells().filter(|(other, _)| **other > value).count() as u32,
                cells: cells().filter(|(other, _)| **other == value).count() as u32,
                inside: cells()
                    .filter(|(other, inside)| **other == value && **inside)
                    .count() as u32,
            });
            let expected: Vec<Tie> = all.filter(|tie| tie.inside > 0).collect();
            assert_eq!(ranked(&map, &inside).ties(), expected, "{levels} {rare}");
        }
    }
}

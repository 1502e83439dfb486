//! Counts the cells of a map by value, inside and outside a mask, and computes average precision from the counts
//! of many maps, as the class `MaskEvaluator` of wsolevaluation does (docs/SPEC.md B).

use data_prep::geometry::Mask;

use super::metric::Tally;
use crate::metrics::Precision;
use crate::metrics::stretched::stretched;

/// The number of bins below 1. A value of 1 has a bin of its own.
const BINS: usize = 1000;

/// Returns for each bin, from the lowest, the number of cells outside and inside `mask`. `None` where the mask
/// is empty.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
pub(super) fn counts(map: &[f32], mask: &Mask) -> Option<Vec<u32>> {
    assert_eq!(map.len(), mask.cells().len(), "map and mask on one grid");
    if !mask.cells().contains(&true) {
        return None;
    }
    let mut counts = vec![0; 2 * (BINS + 1)];
    for (value, &is_inside) in stretched(map).zip(mask.cells()) {
        counts[2 * bin(value) + usize::from(is_inside)] += 1;
    }
    Some(counts)
}

/// Returns the bin of a value in 0..=1: the last whose lower edge, 0.001 times its index in f64, is not above it.
fn bin(value: f64) -> usize {
    let edge = |bin: usize| bin as f64 * 0.001;
    // The product is rounded and the bin may be off by one.
    let near = (value * BINS as f64) as usize;
    if near < BINS && edge(near + 1) <= value {
        near + 1
    } else if near > 0 && edge(near) > value {
        near - 1
    } else {
        near
    }
}

/// Returns the average precision of cells, those of one bin being equal; `None` where none is inside.
pub(super) fn average_precision(tally: &Tally) -> Option<f64> {
    let mut precision = Precision::default();
    for bin in tally.counts.as_chunks::<2>().0.iter().rev() {
        let [outside, inside] = bin.map(|cells| cells as f64);
        if outside + inside > 0.0 {
            precision.add(inside, outside + inside);
        }
    }
    precision.average()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_has_the_values_from_its_edge_to_the_next() {
        for i in 0..BINS {
            let edge = i as f64 * 0.001;
            assert_eq!(bin(edge), i, "{edge}");
            assert_eq!(bin(edge.next_up()), i, "{edge}");
            assert_eq!(
                bin(edge.next_down().max(0.0)),
                i.saturating_sub(1),
                "{edge}"
            );
        }
        assert_eq!(bin(1.0_f64.next_down()), BINS - 1);
        assert_eq!(bin(1.0), BINS);
    }
}

//! Sums a map inside a mask and over all cells, which the metrics of relevance mass divide.

use data_prep::geometry::Mask;
use multiversion::multiversion;

use crate::metrics::sums::{kept, sum_of};

/// Returns the share of a map that is inside `mask`: the sum of `part` of the values there, divided by that
/// over the whole map. `None` where the mask is empty or the whole sum is 0.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn share_inside(map: &[f32], mask: &Mask, part: impl Fn(f32) -> f32) -> Option<f64> {
    let inside = sum_of(map, [mask], |value, [is_inside]| {
        kept(part(value), is_inside)
    });
    let total = sum_of(map, [], |value, []| part(value));
    let is_defined = mask.cells().contains(&true) && total != 0.0;
    is_defined.then(|| inside / total)
}

//! Sums a map inside a mask and over all cells, which the metrics of relevance mass divide.

use data_prep::geometry::Mask;

/// Returns the share of a map that is inside `mask`: the sum of `part` of the values there, divided by that
/// over the whole map. `None` where the mask is empty or the whole sum is 0.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
pub(super) fn share_inside(map: &[f32], mask: &Mask, part: impl Fn(f32) -> f32) -> Option<f64> {
    assert_eq!(map.len(), mask.cells().len(), "map and mask on one grid");
    // Eight sums at a time: with a single one, each addition would wait for the one before.
    let (mut inside, mut total) = ([0.0; 8], [0.0; 8]);
    let (chunks, last_values) = map.as_chunks::<8>();
    let (chunks_of_mask, last_cells) = mask.cells().as_chunks::<8>();
    let mut add = |i: usize, value: f32, is_inside: bool| {
        let value = part(value);
        total[i] += f64::from(value);
        inside[i] += f64::from(if is_inside { value } else { 0.0 });
    };
    for (values, cells) in chunks.iter().zip(chunks_of_mask) {
        for i in 0..8 {
            add(i, values[i], cells[i]);
        }
    }
    for (i, (&value, &is_inside)) in last_values.iter().zip(last_cells).enumerate() {
        add(i, value, is_inside);
    }
    let (inside, total): (f64, f64) = (inside.iter().sum(), total.iter().sum());
    let is_defined = mask.cells().contains(&true) && total != 0.0;
    is_defined.then(|| inside / total)
}

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
    let mut add = |values: &[f32; 8], cells: &[bool; 8]| {
        for (total, &value) in total.iter_mut().zip(values) {
            *total += f64::from(part(value));
        }
        // Most often all eight cells lie outside.
        if *cells != [false; 8] {
            for ((inside, &value), &is_inside) in inside.iter_mut().zip(values).zip(cells) {
                *inside += f64::from(if is_inside { part(value) } else { 0.0 });
            }
        }
    };
    for (values, cells) in chunks.iter().zip(chunks_of_mask) {
        add(values, cells);
    }
    // What is left is filled up by cells of 0, which change no sum.
    let (mut values, mut cells) = ([0.0; 8], [false; 8]);
    values[..last_values.len()].copy_from_slice(last_values);
    cells[..last_cells.len()].copy_from_slice(last_cells);
    add(&values, &cells);
    let (inside, total): (f64, f64) = (inside.iter().sum(), total.iter().sum());
    let is_defined = mask.cells().contains(&true) && total != 0.0;
    is_defined.then(|| inside / total)
}

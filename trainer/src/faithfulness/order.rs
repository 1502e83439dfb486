//! The cells of an image in the order of a map.

use crate::random;

/// Returns the cells of `map` from the highest to the lowest. Equal cells come in a random order, which depends on the
/// image alone: an order by their place would take a flat map from the top down. Zeros of both signs are equal.
pub fn by_value(map: &[f32], image_id: &str) -> Vec<usize> {
    let stream = random::draw(0, "equal cells", 0, image_id);
    let mut cells: Vec<(f32, f64, usize)> = map
        .iter()
        .zip(0..)
        .map(|(&value, cell)| (value + 0.0, random::unit(stream, cell), cell as usize))
        .collect();
    cells.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
    cells.into_iter().map(|(_, _, cell)| cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_go_from_the_highest_to_the_lowest() {
        let map = [0.5, -2.0, 3.0, f32::MAX, -1e-40];
        assert_eq!(by_value(&map, "a"), [3, 2, 0, 4, 1]);
    }

    /// All orders of equal cells occur, one for each image, whatever the sign of zeros.
    #[test]
    fn equal_cells_come_in_a_random_order() {
        let mut first = [0; 3];
        for image in 0..3000 {
            let order = by_value(&[0.0, -0.0, 0.0, 1.0], &image.to_string());
            assert_eq!(order[0], 3);
            assert_eq!(order, by_value(&[7.0, 7.0, 7.0, 8.0], &image.to_string()));
            first[order[1]] += 1;
        }
        // Of 3000 fair draws 1000 each; five standard deviations are 129.
        assert!(
            first.iter().all(|&n| (871..=1129).contains(&n)),
            "{first:?}"
        );
    }
}

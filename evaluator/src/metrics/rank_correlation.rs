//! Spearman's rank correlation of two maps (docs/SPEC.md L), for `trainer faithfulness`.

/// Returns Spearman's rank correlation of the cells of two maps of one size, from −1 to 1: Pearson's of their ranks,
/// where equal cells share the mean of theirs. `None` where a map has one value throughout, so that nothing is ranked,
/// or a value that is non-finite.
///
/// # Panics
/// When the maps differ in size.
pub fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "two maps of one size");
    if a.iter().chain(b).any(|value| !value.is_finite()) {
        return None;
    }
    let [a, b] = [centred_ranks(a), centred_ranks(b)];
    let product = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let norm = product(&a, &a) * product(&b, &b);
    (norm > 0.0).then(|| product(&a, &b) / norm.sqrt())
}

/// Returns the rank of each value, from 0, less the mean of all ranks.
fn centred_ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    // Zeros of both signs are equal, and neighbours in the order.
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        for &index in equal {
            ranks[index] = mean - middle;
        }
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::spearman;

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-12)
    }

    #[test]
    fn only_the_order_counts() {
        assert!(close(spearman(&[1.0, 2.0, 9.0], &[-5.0, 0.0, 1e9]), 1.0));
        assert!(close(spearman(&[1.0, 2.0, 9.0], &[3.0, 2.0, 1.0]), -1.0));
    }

    /// The ranks are 1, 2.5, 2.5, 4, 5 and 2, 1, 4.5, 4.5, 3. Their covariance is 3.75/5, each variance 9.5/5.
    #[test]
    fn equal_cells_share_their_rank() {
        let found = spearman(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 1.0, 4.0, 4.0, 3.0]);
        assert!(close(found, 3.75 / 9.5), "{found:?}");
        let zeros = spearman(&[0.0, -0.0, 1.0], &[1.0, 1.0, 2.0]);
        assert!(close(zeros, 1.0), "{zeros:?}");
    }

    #[test]
    fn a_map_without_an_order_has_none() {
        assert_eq!(spearman(&[2.0, 2.0], &[1.0, 3.0]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0, f32::NAN], &[1.0, 3.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[f32::INFINITY, 3.0]), None);
    }
}

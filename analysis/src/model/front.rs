//! Computes Pareto fronts of points in two metrics (the greater, the better).

/// Returns the indices of the points that no other point dominates (is at least as high in both metrics and higher
/// in one), by ascending first metric. Of several equal points only the first is among them, and none that has a NaN.
pub fn front(points: &[(f64, f64)]) -> Vec<usize> {
    let is_measured = |&index: &usize| !points[index].0.is_nan() && !points[index].1.is_nan();
    let mut order: Vec<usize> = (0..points.len()).filter(is_measured).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (points[a], points[b]);
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    // From the highest first metric down, a point is on the front if its second metric is a new maximum.
    let mut best = f64::NEG_INFINITY;
    let mut front: Vec<usize> = order
        .into_iter()
        .filter(|&index| {
            let is_better = points[index].1 > best;
            best = best.max(points[index].1);
            is_better
        })
        .collect();
    front.reverse();
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five points, and one that was not measured in the first metric and is the highest in the second.
    const POINTS: [(f64, f64); 6] = [
        (0.70, 0.50),
        (0.75, 0.60),
        (0.80, 0.40),
        (0.75, 0.60),
        (0.80, 0.35),
        (f64::NAN, 0.90),
    ];

    #[test]
    fn what_is_dominated_is_not_on_the_front() {
        // (0.70, 0.50) loses to (0.75, 0.60), (0.80, 0.35) to (0.80, 0.40).
        assert_eq!(front(&POINTS[..5]), [1, 2]);
        assert_eq!(front(&[]), [0_usize; 0]);
    }

    #[test]
    fn a_point_with_a_nan_is_on_no_front() {
        assert_eq!(front(&POINTS), [1, 2]);
        assert_eq!(front(&POINTS.map(|(x, y)| (y, x))), [2, 1]);
        assert_eq!(front(&POINTS[5..]), [0_usize; 0]);
    }
}

//! Computes Pareto fronts of points in two metrics (the greater, the better), and measures a front: the area
//! that it dominates, and the share of another front that it covers.

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

/// Returns the area that `points` dominate within the quadrant above and right of `corner`, in the product of
/// the metrics' units; 0 where no point is in that quadrant. It is the area under the steps of their front.
pub fn area(points: &[(f64, f64)], corner: (f64, f64)) -> f64 {
    let mut left = corner.0;
    let mut area = 0.0;
    for index in front(points) {
        let (x, y) = points[index];
        if x > left && y > corner.1 {
            area += (x - left) * (y - corner.1);
            left = x;
        }
    }
    area
}

/// Returns the share (0 to 1) of the points `theirs` that are dominated or equalled by a point of `ours`; 0 if
/// there are none.
pub fn covered(theirs: &[(f64, f64)], ours: &[(f64, f64)]) -> f64 {
    let is_covered = |(x, y): &&(f64, f64)| ours.iter().any(|(a, b)| a >= x && b >= y);
    theirs.iter().filter(is_covered).count() as f64 / theirs.len().max(1) as f64
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
        let corner = (0.70, 0.30);
        assert_eq!(area(&POINTS, corner), area(&POINTS[..5], corner));
    }

    #[test]
    fn the_area_is_that_of_the_steps_under_the_front() {
        // From (0.7, 0.3): to 0.75 at height 0.60 - 0.30, to 0.80 at height 0.40 - 0.30.
        let found = area(&POINTS[..5], (0.70, 0.30));
        assert!(
            (found - (0.05 * 0.30 + 0.05 * 0.10)).abs() < 1e-12,
            "{found}"
        );
        assert_eq!(area(&POINTS[..5], (0.90, 0.30)), 0.0);
    }

    #[test]
    fn covering_counts_equals() {
        let ours = [(0.75, 0.60)];
        // Three of five: (0.70, 0.50) is dominated, and (0.75, 0.60) is there twice.
        assert!((covered(&POINTS[..5], &ours) - 0.6).abs() < 1e-12);
        assert_eq!(covered(&[], &ours), 0.0);
    }
}

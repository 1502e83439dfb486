//! The area under a curve of scores (docs/SPEC.md L), for `trainer faithfulness`, which alters images and asks the
//! network for the scores.

/// Returns the area under the straight lines between neighbouring `points` (x, y), whose x ascend: the mean of y
/// where x goes from 0 to 1. It is 0 for fewer than two points.
pub fn area(points: &[(f64, f64)]) -> f64 {
    let parts = points.windows(2).map(|pair| {
        let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
        (x2 - x1) * (y1 + y2) / 2.0
    });
    parts.sum()
}

#[cfg(test)]
mod tests {
    use super::area;

    #[test]
    fn areas_by_hand() {
        assert_eq!(area(&[(0.0, 1.0), (0.25, 0.5), (1.0, 0.0)]), 0.375);
        assert_eq!(area(&[(0.0, 0.5), (1.0, 0.5)]), 0.5);
        assert_eq!(area(&[(0.0, 0.5)]), 0.0);
        assert_eq!(area(&[]), 0.0);
    }
}

//! The curve of the class's probability while cells are taken from the image, or put into the baseline, in the order
//! of the map; for `deletion` and `insertion` (docs/SPEC.md L).

use evaluator::metrics::curve::area;

use crate::faithfulness::measure::{Answer, Taken};
use crate::faithfulness::pair::Pair;

/// Returns the numbers of the highest cells that are treated, from none to all in the pair's steps.
fn counts(pair: &Pair) -> impl Iterator<Item = usize> {
    let n = pair.order.len();
    let steps = pair.steps.clamp(1, n.max(1));
    (0..=steps).map(move |step| step * n / steps)
}

/// Returns an image for each number of highest cells: the baseline is shown in these cells, or, where they are put
/// in, in all others.
pub(super) fn images(pair: &Pair, are_put_in: bool) -> Vec<Taken> {
    let image = |count: usize| {
        let mut taken = vec![are_put_in; pair.order.len()];
        for &cell in &pair.order[..count] {
            taken[cell] = !are_put_in;
        }
        taken
    };
    counts(pair).map(image).collect()
}

/// Returns the area under the class's probability over the share of cells treated, from 0 to 1.
pub(super) fn auc(pair: &Pair, answers: &[Answer]) -> f64 {
    let n = pair.order.len() as f64;
    let points = counts(pair).zip(answers);
    let points: Vec<(f64, f64)> = points
        .map(|(count, answer)| (count as f64 / n, answer.probability()))
        .collect();
    area(&points)
}

#[cfg(test)]
mod tests {
    use data_prep::geometry::{Grid, Mask};

    use super::*;

    /// A pair of an image of one row, whose cells are treated in this order.
    fn pair(order: &[usize], steps: usize) -> Pair {
        let grid = Grid {
            height: 1,
            width: order.len(),
        };
        Pair {
            order: order.to_vec(),
            steps,
            mask: Mask::empty(grid),
            segmentation: None,
            stream: 0,
        }
    }

    /// Images as text: a letter for each cell, `x` where it is taken.
    fn shown(images: &[Taken]) -> Vec<String> {
        let letter = |&taken: &bool| if taken { 'x' } else { '.' };
        images
            .iter()
            .map(|i| i.iter().map(letter).collect())
            .collect()
    }

    #[test]
    fn cells_are_taken_and_put_in_from_the_highest() {
        let pair = pair(&[2, 0, 3, 1], 2);
        assert_eq!(shown(&images(&pair, false)), ["....", "x.x.", "xxxx"]);
        assert_eq!(shown(&images(&pair, true)), ["xxxx", ".x.x", "...."]);
    }

    #[test]
    fn steps_need_not_divide_the_cells() {
        let order: Vec<usize> = (0..10).collect();
        let of = |n: usize, steps: usize| counts(&pair(&order[..n], steps)).collect::<Vec<_>>();
        assert_eq!(of(10, 4), [0, 2, 5, 7, 10]);
        assert_eq!(of(10, 3), [0, 3, 6, 10]);
        assert_eq!(of(4, 28), [0, 1, 2, 3, 4]);
        assert_eq!(of(1, 28), [0, 1]);
        assert_eq!(of(1, 1), [0, 1]);
    }

    /// Logits of −∞, 0 and ∞ are probabilities of 0, ½ and 1.
    #[test]
    fn the_area_is_over_the_share_of_cells() {
        let answers = |logits: &[f32]| -> Vec<Answer> {
            logits.iter().map(|&logit| Answer { logit }).collect()
        };
        let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
        // Shares 0, 0.3, 0.6, 1.
        let order: Vec<usize> = (0..10).collect();
        let found = auc(&pair(&order, 3), &answers(&[high, 0.0, 0.0, low]));
        assert!((found - (0.3 * 0.75 + 0.3 * 0.5 + 0.4 * 0.25)).abs() < 1e-12);
        // Of equal steps it is RISE's: the sum less half of both ends, over the number of steps.
        let found = auc(
            &pair(&order, 5),
            &answers(&[low, high, 0.0, high, low, 0.0]),
        );
        assert!((found - (2.5 + 0.5 - 0.25) / 5.0).abs() < 1e-12);
        assert_eq!(auc(&pair(&[0], 28), &answers(&[high, 0.0])), 0.75);
    }
}

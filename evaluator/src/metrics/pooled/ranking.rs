//! Computes the average precision of a class from its logits over images, and the mean over classes
//! (docs/SPEC.md B).

use crate::metrics::{Precision, mean};

/// Returns the non-interpolated average precision of one class, Σ (Rₙ − Rₙ₋₁) Pₙ over distinct logits with
/// recall R and precision P, as scikit-learn's `average_precision_score`. `None` if no target is true.
pub fn average_precision(logits: &[f32], targets: &[bool]) -> Option<f64> {
    Ranking::new(logits.iter().copied().zip(targets.iter().copied())).average_precision(|_| 1)
}

/// Returns the mean of [`average_precision`] over the classes that are on an image (macro); `logits` and
/// `targets` are row-major images × `n_classes`. `None` where no class is on any image.
pub fn mean_average_precision(logits: &[f32], targets: &[bool], n_classes: usize) -> Option<f64> {
    let column = |class: usize| {
        let logits = logits.iter().copied().skip(class).step_by(n_classes);
        logits.zip(targets.iter().copied().skip(class).step_by(n_classes))
    };
    mean((0..n_classes).filter_map(|class| Ranking::new(column(class)).average_precision(|_| 1)))
}

/// One class's images, sorted by logit from the highest down. It is made once and used for every bootstrap
/// resample.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// (Image index, whether the class is on it, whether it is the last image with this logit).
    ranked: Vec<(u32, bool, bool)>,
}

impl Ranking {
    /// Ranks images 0, 1, … given as (logit, target). A NaN, of a diverged network, ranks last.
    pub fn new(images: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let rank = |logit: f32| {
            if logit.is_nan() {
                f32::NEG_INFINITY
            } else {
                logit
            }
        };
        let mut images: Vec<(u32, f32, bool)> = (0..)
            .zip(images)
            .map(|(image, (logit, target))| (image, rank(logit), target))
            .collect();
        images.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ranked = images
            .iter()
            .enumerate()
            .map(|(i, &(image, logit, target))| {
                let is_last_of_tie = images.get(i + 1).is_none_or(|next| next.1 != logit);
                (image, target, is_last_of_tie)
            })
            .collect();
        Self { ranked }
    }

    /// Returns the average precision where image i counts `weight(i)` times; `None` where the class is on
    /// no image that counts.
    pub fn average_precision(&self, weight: impl Fn(usize) -> u32) -> Option<f64> {
        let mut precision = Precision::default();
        let (mut positives, mut all) = (0, 0);
        for &(image, target, is_last_of_tie) in &self.ranked {
            let weight = weight(image as usize);
            all += weight;
            positives += if target { weight } else { 0 };
            // Those of scores without a positive are added with the next that has one.
            if is_last_of_tie && positives > 0 {
                precision.add(positives.into(), all.into());
                (positives, all) = (0, 0);
            }
        }
        precision.average()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Parses targets, e.g. `101`.
    fn targets(bits: &str) -> Vec<bool> {
        bits.bytes().map(|bit| bit == b'1').collect()
    }

    #[test]
    fn average_precision_is_scikit_learns() {
        // Printed by evaluator/tests/fixtures/average_precision.py (scikit-learn).
        let cases: [(&str, &[f32], f64); 7] = [
            ("0011", &[0.1, 0.4, 0.35, 0.8], 0.8333333333333333),
            (
                "101001",
                &[2.0, 1.5, 1.0, 0.5, 0.0, -3.0],
                0.7222222222222222,
            ),
            (
                "101010",
                &[0.3, -1.0, 0.3, 2.0, 0.1, -1.0],
                0.6944444444444444,
            ),
            ("0110", &[1.0, 1.0, 1.0, 1.0], 0.5),
            ("00001", &[5.0, 4.0, 3.0, 2.0, 1.0], 0.2),
            ("1", &[0.0], 1.0),
            (
                "10110100",
                &[0.5, 0.5, -0.25, -0.25, 1.5, 1.5, 1.5, -4.0],
                0.469047619047619,
            ),
        ];
        for (bits, logits, expected) in cases {
            let found = average_precision(logits, &targets(bits)).unwrap();
            assert!(
                (found - expected).abs() < 1e-15,
                "{bits}: {found} {expected}"
            );
        }
        assert_eq!(average_precision(&[1.0, 2.0], &targets("00")), None);
        // Zeros of both signs tie; NaN ranks last.
        assert_eq!(average_precision(&[0.0, -0.0], &targets("01")), Some(0.5));
        assert_eq!(
            average_precision(&[f32::NAN, -9.0], &targets("10")),
            Some(0.5)
        );
        #[rustfmt::skip]
        let logits = [0.5, -1.0, 3.0, 0.5, 0.25, 2.0, -0.75, 0.25, 1.0, 1.5, -2.0, 0.0, 2.5, 1.0, -1.0];
        let map = mean_average_precision(&logits, &targets("100010110000100"), 3).unwrap();
        assert!((map - 0.6833333333333333).abs() < 1e-15, "{map}");
        assert_eq!(
            mean_average_precision(&[1.0, 2.0], &[false, false], 2),
            None
        );
    }

    /// An image with weight w must count like w images with its logit and target.
    #[test]
    fn weights_are_repetitions() {
        let logits = [0.3, -1.0, 0.3, 2.0, 0.1, -1.0];
        let targets = targets("101010");
        let weights = [2_u32, 0, 1, 3, 1, 2];
        let repeated: Vec<(f32, bool)> = (0..6)
            .flat_map(|i| vec![(logits[i], targets[i]); weights[i] as usize])
            .collect();
        let (l, t): (Vec<f32>, Vec<bool>) = repeated.into_iter().unzip();
        let ranking = Ranking::new(logits.into_iter().zip(targets));
        assert_eq!(
            ranking.average_precision(|i| weights[i]),
            average_precision(&l, &t)
        );
    }
}

//! Counts which cells (an image and any class) are predicted right (docs/SPEC.md B). A class is predicted
//! to be on an image if its logit is ≥ 0; where images show exactly one class, if its logit is the greatest.

use std::borrow::Cow;

use data_prep::dataset::Labels;

/// Whether a class is predicted to be on an image: if its number in what [`decided`] returns is ≥ 0.
pub fn is_predicted(logit: f32) -> bool {
    logit >= 0.0
}

/// Numbers of cells by target (positive: the class is on the image) and prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Positive and predicted so.
    pub true_positive: u64,
    /// Negative but predicted positive.
    pub false_positive: u64,
    /// Positive but predicted negative.
    pub false_negative: u64,
    /// Negative and predicted so.
    pub true_negative: u64,
}

impl Counts {
    /// Counts the cells of `logits` against `targets`.
    pub fn of(logits: &[f32], targets: &[bool]) -> Self {
        let mut counts = Self::default();
        for (&logit, &target) in logits.iter().zip(targets) {
            let count = match (is_predicted(logit), target) {
                (true, true) => &mut counts.true_positive,
                (true, false) => &mut counts.false_positive,
                (false, true) => &mut counts.false_negative,
                (false, false) => &mut counts.true_negative,
            };
            *count += 1;
        }
        counts
    }

    /// Counts the cells of `logits` against `targets`, one per class, of the classes that `is_counted`.
    pub fn of_classes(logits: &[f32], targets: &[bool], is_counted: &[bool]) -> Self {
        let cells = logits.iter().zip(targets).zip(is_counted);
        let cells = cells.filter(|(_, is_counted)| **is_counted);
        let (logits, targets): (Vec<f32>, Vec<bool>) = cells.map(|(cell, _)| cell).unzip();
        Self::of(&logits, &targets)
    }

    /// Adds another's counts, each times `weight`.
    pub fn add(&mut self, other: &Self, weight: u64) {
        self.true_positive += weight * other.true_positive;
        self.false_positive += weight * other.false_positive;
        self.false_negative += weight * other.false_negative;
        self.true_negative += weight * other.true_negative;
    }

    /// Returns F1 = 2TP / (2TP + FP + FN); `None` where nothing is positive and nothing was predicted.
    pub fn f1(&self) -> Option<f64> {
        let twice = 2 * self.true_positive;
        ratio(twice, twice + self.false_positive + self.false_negative)
    }

    /// Returns the share of cells predicted right; `None` without any.
    pub fn accuracy(&self) -> Option<f64> {
        let right = self.true_positive + self.true_negative;
        ratio(right, right + self.false_positive + self.false_negative)
    }
}

/// Returns the index of the greatest value, the first of equals; 0 without any.
pub fn arg_max<T: PartialOrd>(values: &[T]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

/// Returns, from the `logits` of an image, a number for each class that is at least 0 where the class is predicted:
/// the logit itself, or, where images show exactly one class, 0 for the greatest logit and −1 for the others.
pub fn decided(logits: &[f32], labels: Labels) -> Cow<'_, [f32]> {
    match labels {
        Labels::Multi => Cow::Borrowed(logits),
        Labels::Single => {
            let best = arg_max(logits);
            let classes = 0..logits.len();
            let number = |class| if class == best { 0.0 } else { -1.0 };
            Cow::Owned(classes.map(number).collect())
        }
    }
}

/// Returns how many classes have a greater logit than the image's only label, or an equal one and a smaller
/// id; so it is 0 if the label has the greatest logit. `None` where the image has not exactly one label.
pub fn rank_of_label(logits: &[f32], labels: &[i32]) -> Option<usize> {
    let &[label] = labels else { return None };
    let label = usize::try_from(label).ok()?;
    let own = *logits.get(label)?;
    let is_before =
        |&(class, logit): &(usize, &f32)| *logit > own || (*logit == own && class < label);
    Some(logits.iter().enumerate().filter(is_before).count())
}

/// Returns `part / whole`; `None` where `whole` is 0.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
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
    fn counts_by_hand() {
        // Logit exactly 0 is predicted.
        let counts = Counts::of(&[0.0, 1.0, -1.0, -2.0, 3.0, -0.5], &targets("101001"));
        assert_eq!(
            counts,
            Counts {
                true_positive: 1,
                false_positive: 2,
                false_negative: 2,
                true_negative: 1
            }
        );
        assert_eq!(counts.f1(), Some(2.0 / 6.0));
        assert_eq!(counts.accuracy(), Some(2.0 / 6.0));
        assert_eq!(Counts::of(&[-1.0], &[false]).f1(), None);
        assert_eq!(Counts::of(&[-1.0], &[true]).f1(), Some(0.0));
    }

    #[test]
    fn one_class_is_predicted_where_images_show_one() {
        let logits = [-3.0, -1.0, -1.0];
        assert_eq!(*decided(&logits, Labels::Multi), logits);
        assert_eq!(*decided(&logits, Labels::Single), [-1.0, 0.0, -1.0]);
        let rank = |labels: &[i32]| rank_of_label(&logits, labels);
        // Of equal logits the first class is taken.
        assert_eq!(
            [rank(&[1]), rank(&[2]), rank(&[0])],
            [Some(0), Some(1), Some(2)]
        );
        assert_eq!([rank(&[]), rank(&[0, 1])], [None, None]);
    }

    #[test]
    fn the_published_counts_give_the_published_f1() {
        // docs/SPEC.md J.8: the B-cos baseline on COCO.
        let counts = Counts {
            true_positive: 72_938,
            false_positive: 18_200,
            false_negative: 43_654,
            true_negative: 0,
        };
        assert!((counts.f1().unwrap() - 0.70224).abs() < 5e-6);
    }
}

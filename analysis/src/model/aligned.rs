//! Puts replicates (values over bootstrap resamples of the test images) in order, so that the same place stands for
//! the same resample in all that is compared.

use crate::model::intervals::Replicates;

/// The order: the numbers of the first replicates that were taken. A number stands for the same resample in every
/// run on the same images ([`crate::load`] refuses replicates of another seed).
#[derive(Debug, Clone, Default)]
pub struct Aligned {
    numbers: Vec<i32>,
}

impl Aligned {
    /// Returns the replicates in order, NaN where there is none of a number; empty without replicates.
    pub fn take(&mut self, replicates: Option<&Replicates>) -> Vec<f64> {
        let Some(replicates) = replicates else {
            return Vec::new();
        };
        if self.numbers.is_empty() {
            self.numbers = replicates.keys().copied().collect();
        }
        let value = |number| replicates.get(number).copied().unwrap_or(f64::NAN);
        self.numbers.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number() {
        let mut aligned = Aligned::default();
        assert!(aligned.take(None).is_empty());
        assert_eq!(aligned.take(Some(&[(2, 0.2), (5, 0.5)].into())), [0.2, 0.5]);
        let later = aligned.take(Some(&[(1, 0.1), (5, 0.6)].into()));
        assert!(later[0].is_nan() && later[1..] == [0.6]);
    }
}

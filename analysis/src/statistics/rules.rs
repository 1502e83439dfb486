//! What comparisons decide together. A comparison that is claimed of all cases, and each of several conditions,
//! must be met on its own, so that no correction is needed (intersection–union). Where one of many decides,
//! by being against a claim of all cases or for a claim of some, p-values are corrected by Holm's method, which
//! lets comparisons depend on each other in any way.

use std::fmt;

/// The level of a one-sided decision: that of a side of a 95 % interval.
pub const LEVEL: f64 = 0.025;

/// With fewer seeds nothing is decided: how far trainings differ is not known from one, and hardly from two.
pub const MIN_SEEDS: usize = 3;

/// A statement about a difference, weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// The number of seeds.
    pub seeds: usize,
    /// The probability of a difference as much in favour of the statement, or more, where it is not true.
    pub p_for: f64,
    /// The same for its contrary.
    pub p_against: f64,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// For the claim, at [`LEVEL`].
    For,
    /// Against it.
    Against,
    /// Neither.
    Open,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::For => "for",
            Self::Against => "against",
            Self::Open => "open",
        })
    }
}

impl Weighed {
    /// The outcome of the comparison by itself.
    pub fn outcome(&self) -> Outcome {
        match self {
            _ if self.p_for <= LEVEL => Outcome::For,
            _ if self.p_against <= LEVEL => Outcome::Against,
            _ => Outcome::Open,
        }
    }

    /// The statement that both hold. Each must be met on its own; it fails where one does, which is corrected for.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            seeds: self.seeds.min(other.seeds),
            p_for: self.p_for.max(other.p_for),
            p_against: (2.0 * self.p_against.min(other.p_against)).min(1.0),
        }
    }

    /// The same statement where it can only be asked if another one holds.
    pub fn given(&self, other: &Self) -> Self {
        Self {
            seeds: self.seeds.min(other.seeds),
            p_for: self.p_for.max(other.p_for),
            p_against: self.p_against.max(other.p_for),
        }
    }
}

/// How much a claim says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Claimed of all cases.
    Everywhere,
    /// Claimed that there is such a case.
    Somewhere,
}

/// The verdict of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not hold.
    DoesNotHold,
    /// Tested, but the comparisons do not decide.
    Undecided,
    /// No comparison has [`MIN_SEEDS`] seeds; the most that one has.
    TooFewSeeds(usize),
    /// What its rule compares is missing.
    NotTested,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds => f.write_str("holds"),
            Self::DoesNotHold => f.write_str("does not hold"),
            Self::Undecided => f.write_str("undecided"),
            Self::TooFewSeeds(0 | 1) => f.write_str("not decided: one seed"),
            Self::TooFewSeeds(2) => f.write_str("not decided: two seeds"),
            Self::TooFewSeeds(n) => write!(f, "not decided: {n} seeds"),
            Self::NotTested => f.write_str("not tested here"),
        }
    }
}

/// Returns the verdict that follows from comparisons.
///
/// A claim of all cases holds where every comparison is for it, and does not hold where one is against it after
/// correction over all. A claim of some cases holds where one comparison is for it after correction, and does not
/// hold where all are against it.
pub fn decide(comparisons: &[Weighed], reach: Reach) -> Verdict {
    let Some(seeds) = comparisons.iter().map(|one| one.seeds).max() else {
        return Verdict::NotTested;
    };
    if seeds < MIN_SEEDS {
        return Verdict::TooFewSeeds(seeds);
    }
    let all = |outcome| comparisons.iter().all(|one| one.outcome() == outcome);
    let any = |p: fn(&Weighed) -> f64| {
        let p: Vec<f64> = comparisons.iter().map(p).collect();
        holm(&p).into_iter().any(|p| p <= LEVEL)
    };
    match reach {
        Reach::Everywhere if all(Outcome::For) => Verdict::Holds,
        Reach::Everywhere if any(|one| one.p_against) => Verdict::DoesNotHold,
        Reach::Somewhere if any(|one| one.p_for) => Verdict::Holds,
        Reach::Somewhere if all(Outcome::Against) => Verdict::DoesNotHold,
        _ => Verdict::Undecided,
    }
}

/// Returns the p-values corrected by Holm's method, in their order: the probability of any false rejection among
/// those at or below a level is at most that level.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![1.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]).min(1.0);
        corrected[index] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(seeds: usize, p_for: f64) -> Weighed {
        Weighed {
            seeds,
            p_for,
            p_against: 1.0 - p_for,
        }
    }

    #[test]
    fn corrected_p_values_are_those_of_r() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.9), "holm"), which is statsmodels' multipletests(…, method="holm")
        let found = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]);
        for (found, expected) in found.into_iter().zip([0.04, 0.09, 0.09, 0.025, 0.9]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn verdicts_follow_from_p_values() {
        use Reach::{Everywhere, Somewhere};
        use Verdict::{DoesNotHold, Holds, NotTested, TooFewSeeds, Undecided};
        // The p-values for the claim, three seeds each.
        let cases: [(&[f64], Reach, Verdict); 13] = [
            (&[], Everywhere, NotTested),
            (&[0.001, 0.02], Everywhere, Holds),
            // All must be for it, and 0.03 is not.
            (&[0.001, 0.001, 0.03], Everywhere, Undecided),
            (&[0.98], Everywhere, DoesNotHold),
            // Against it 0.02, which two comparisons make 0.04.
            (&[0.001, 0.98], Everywhere, Undecided),
            (&[0.001, 0.99], Everywhere, DoesNotHold),
            (&[0.5, 0.5, 0.5, 0.5, 0.5, 0.996], Everywhere, DoesNotHold),
            (&[0.5, 0.5, 0.5, 0.5, 0.5, 0.995], Everywhere, Undecided),
            (&[0.99, 0.99, 0.004], Somewhere, Holds),
            (&[0.99, 0.99, 0.02], Somewhere, Undecided),
            (&[0.98, 0.98], Somewhere, DoesNotHold),
            (&[0.98, 0.5], Somewhere, Undecided),
            (&[], Somewhere, NotTested),
        ];
        for (p, reach, expected) in cases {
            let comparisons: Vec<Weighed> = p.iter().map(|p| weighed(3, *p)).collect();
            assert_eq!(decide(&comparisons, reach), expected, "{p:?} {reach:?}");
        }
        let few = [weighed(1, 1.0), weighed(2, 1.0)];
        assert_eq!(decide(&few, Everywhere), TooFewSeeds(2));
        assert_eq!(
            decide(&few[..1], Everywhere).to_string(),
            "not decided: one seed"
        );
    }

    #[test]
    fn a_condition_of_two_is_met_by_both_and_missed_by_one() {
        let met = weighed(5, 0.001).and(&weighed(3, 0.02));
        assert_eq!(
            (met.seeds, met.p_for, met.outcome()),
            (3, 0.02, Outcome::For)
        );
        // The second is missed at 0.01, which two conditions make 0.02.
        let missed = weighed(3, 0.001).and(&weighed(3, 0.99));
        assert_eq!(missed.outcome(), Outcome::Against);
        assert!((missed.p_against - 0.02).abs() < 1e-12);
        // A statement that can only be asked where another holds is open where that one does not.
        assert_eq!(
            weighed(3, 0.99).given(&weighed(3, 0.3)).outcome(),
            Outcome::Open
        );
        assert_eq!(
            weighed(3, 0.99).given(&weighed(3, 0.01)).outcome(),
            Outcome::Against
        );
    }
}

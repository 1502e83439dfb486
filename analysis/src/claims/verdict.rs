//! Decides whether a claim holds. Each of its trials (comparisons) is for it, against it or open; the verdict
//! follows from how many there are of each ([`decide`]).

use std::fmt;

use crate::claims::claim::{Claim, Outcome, Reach, Trial};
use crate::claims::list::CLAIMS;
use crate::model::evidence::Evidence;

/// The verdict of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds: most trials are clearly for it, and no more are clearly against it than chance explains.
    Holds,
    /// It does not hold: more trials are clearly against it than chance explains.
    DoesNotHold,
    /// Tested, but the intervals are too wide to tell.
    Undecided,
    /// The runs that its rule compares are missing.
    NotTested,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::Undecided => "undecided",
            Self::NotTested => "not tested here",
        })
    }
}

/// A claim with its verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The claim.
    pub claim: Claim,
    /// The verdict.
    pub verdict: Verdict,
    /// The numbers of trials for, against and open; or the runs that are missing.
    pub why: String,
    /// The comparisons behind it.
    pub trials: Vec<Trial>,
}

/// Returns all claims with their verdicts.
pub fn judge(evidence: &Evidence) -> Vec<Judged> {
    let judged = CLAIMS.iter().map(|claim| {
        let (trials, missing) = match (claim.rule)(evidence) {
            Ok(trials) => (trials, None),
            Err(missing) => (Vec::new(), Some(missing)),
        };
        let verdict = decide(&trials, claim.reach);
        let why = missing.unwrap_or_else(|| counted(&trials));
        Judged {
            claim: *claim,
            verdict,
            why,
            trials,
        }
    });
    judged.collect()
}

/// The number of trials with that outcome.
fn n(trials: &[Trial], outcome: Outcome) -> usize {
    trials
        .iter()
        .filter(|trial| trial.outcome == outcome)
        .count()
}

/// The numbers of trials by outcome, in words.
fn counted(trials: &[Trial]) -> String {
    format!(
        "{} for, {} against, {} open of {} comparisons",
        n(trials, Outcome::For),
        n(trials, Outcome::Against),
        n(trials, Outcome::Open),
        trials.len()
    )
}

/// Returns the verdict that follows from `trials`.
///
/// A claim about all cases does not hold where more trials are clearly against it than chance explains.
/// Without any true effect, each trial is clearly against it with probability 2.5 %: one of the two tails of its
/// 95 % interval. So the claim fails if, without any effect, as many or more trials would be against it with a
/// probability below 5 %. It holds where it does not fail and more than half of the trials are clearly for it. A
/// claim that there is a case holds if one trial is clearly for it, and does not hold if all are clearly against
/// it. Everything else is undecided.
pub fn decide(trials: &[Trial], reach: Reach) -> Verdict {
    let (total, n_for, n_against) = (
        trials.len(),
        n(trials, Outcome::For),
        n(trials, Outcome::Against),
    );
    match reach {
        _ if total == 0 => Verdict::NotTested,
        Reach::Everywhere if chance_of(n_against, total) < 0.05 => Verdict::DoesNotHold,
        Reach::Everywhere if n_for * 2 > total => Verdict::Holds,
        Reach::Somewhere if n_for > 0 => Verdict::Holds,
        Reach::Somewhere if n_against == total => Verdict::DoesNotHold,
        _ => Verdict::Undecided,
    }
}

/// Returns the probability that, of `total` independent 95 % intervals, at least `against` lie wholly on one
/// given side of the truth.
fn chance_of(against: usize, total: usize) -> f64 {
    // The probability that one of them does.
    let side: f64 = 0.025;
    // The binomial terms of 0, 1, … intervals, each computed from the one before.
    let mut term = (1.0 - side).powi(total as i32);
    let mut fewer = 0.0;
    for k in 0..against {
        fewer += term;
        term *= (total - k) as f64 / (k + 1) as f64 * side / (1.0 - side);
    }
    1.0 - fewer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_from_the_numbers_of_outcomes() {
        use Reach::{Everywhere, Somewhere};
        use Verdict::{DoesNotHold, Holds, NotTested, Undecided};
        // The numbers of trials for, against and open; then the claim's reach and its verdict.
        for (counts, reach, expected) in [
            ([0, 0, 0], Everywhere, NotTested),
            ([2, 0, 1], Everywhere, Holds),
            ([1, 0, 1], Everywhere, Undecided),
            ([0, 1, 0], Everywhere, DoesNotHold),
            // The probability of one or more against by chance: of two trials 1 − 0.975² = 0.049, of three
            // 1 − 0.975³ = 0.073.
            ([1, 1, 0], Everywhere, DoesNotHold),
            ([2, 1, 0], Everywhere, Holds),
            ([1, 1, 4], Everywhere, Undecided),
            // The probability of two or more against by chance: of 14 trials 0.047, of 15 trials 0.053.
            ([12, 2, 0], Everywhere, DoesNotHold),
            ([13, 2, 0], Everywhere, Holds),
            ([0, 0, 0], Somewhere, NotTested),
            ([1, 7, 0], Somewhere, Holds),
            ([0, 2, 0], Somewhere, DoesNotHold),
            ([0, 2, 1], Somewhere, Undecided),
        ] {
            let outcomes = [Outcome::For, Outcome::Against, Outcome::Open];
            let trials: Vec<Trial> = outcomes
                .into_iter()
                .zip(counts)
                .flat_map(|(outcome, n)| std::iter::repeat_n(outcome, n))
                .map(|outcome| Trial {
                    place: String::new(),
                    compared: String::new(),
                    value: None,
                    interval: None,
                    outcome,
                })
                .collect();
            assert_eq!(decide(&trials, reach), expected, "{counts:?} {reach:?}");
        }
    }
}

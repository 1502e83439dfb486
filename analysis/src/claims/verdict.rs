//! Judges claims: makes each one's trials (comparisons), decides by [`crate::statistics::rules`], and sums up what a
//! reader needs to weigh the verdict.

use crate::claims::claim::{Claim, Trial};
use crate::claims::list::CLAIMS;
use crate::model::evidence::Evidence;
use crate::statistics::effect::TooFewImages;
use crate::statistics::rules::{LEVEL, MIN_SEEDS, Outcome, Reach, Verdict, Weighed, decide};

/// A claim with its verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The claim.
    pub claim: Claim,
    /// The verdict.
    pub verdict: Verdict,
    /// The numbers of trials for, against and open; or the runs that are missing.
    pub why: String,
    /// Median, least and greatest of the trials' differences, fractions in favour of the claim; `None` without trials.
    pub effects: Option<[f64; 3]>,
    /// The least and the greatest number of seeds of a trial; `None` without trials.
    pub seeds: Option<[usize; 2]>,
    /// What would decide it, in words; empty where it is decided.
    pub needed: String,
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
        let weighed: Vec<Weighed> = trials.iter().map(|trial| trial.weighed).collect();
        let verdict = decide(&weighed, claim.reach);
        Judged {
            claim: *claim,
            verdict,
            why: missing.unwrap_or_else(|| counted(&trials)),
            effects: effects(&trials),
            seeds: seeds(&trials),
            needed: needed(&trials, claim.reach, verdict),
            trials,
        }
    });
    judged.collect()
}

/// The numbers of trials by outcome, in words.
fn counted(trials: &[Trial]) -> String {
    let n = |outcome| {
        let trials = trials.iter();
        trials.filter(|trial| trial.outcome() == outcome).count()
    };
    format!(
        "{} for, {} against, {} open of {} comparisons",
        n(Outcome::For),
        n(Outcome::Against),
        n(Outcome::Open),
        trials.len()
    )
}

/// Median, least and greatest difference.
fn effects(trials: &[Trial]) -> Option<[f64; 3]> {
    let mut means: Vec<f64> = trials.iter().map(|trial| trial.effect().mean).collect();
    means.sort_by(f64::total_cmp);
    let median = crate::model::intervals::percentile;
    Some([*means.first()?, *means.last()?]).map(|[least, most]| [median(&means, 0.5), least, most])
}

/// The least and the greatest number of seeds.
fn seeds(trials: &[Trial]) -> Option<[usize; 2]> {
    let seeds = || trials.iter().map(|trial| trial.weighed.seeds);
    Some([seeds().min()?, seeds().max()?])
}

/// What would decide a claim that is not decided, if later seeds showed the same differences and variances. A claim
/// of all cases would hold with every comparison for it, and would not with one against it, after correction
/// for their number; a claim of some would hold with one for it, after the same correction.
fn needed(trials: &[Trial], reach: Reach, verdict: Verdict) -> String {
    match verdict {
        Verdict::TooFewSeeds(_) => return format!("{MIN_SEEDS} seeds at least"),
        Verdict::Undecided => {}
        Verdict::Holds | Verdict::DoesNotHold | Verdict::NotTested => return String::new(),
    }
    let corrected = LEVEL / trials.len() as f64;
    let open = || {
        trials
            .iter()
            .filter(|trial| trial.outcome() != Outcome::For)
    };
    let found = match reach {
        Reach::Everywhere if open().all(is_towards) => {
            let all = open().map(|trial| met(trial, LEVEL));
            all.reduce(Needed::and)
        }
        Reach::Everywhere => {
            let missed = open().filter(|trial| !is_towards(trial));
            missed
                .map(|trial| failed(trial, corrected))
                .reduce(Needed::or)
        }
        Reach::Somewhere => {
            let towards = trials.iter().filter(|trial| is_towards(trial));
            towards
                .map(|trial| met(trial, corrected))
                .reduce(Needed::or)
        }
    };
    match found {
        Some(Needed::Seeds(n)) => format!("about {n} seeds, at the variance seen"),
        Some(Needed::Images) => "more test images: theirs alone leaves it open".to_owned(),
        Some(Needed::Premise) => {
            "a gain with all annotations, of which a part could be kept".to_owned()
        }
        Some(Needed::Unknown) | None => "replicates, or differences that are not 0".to_owned(),
    }
}

/// What decides a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needed {
    /// That many seeds.
    Seeds(usize),
    /// No number of seeds: more test images.
    Images,
    /// Its variance is not known.
    Unknown,
    /// Neither seeds nor images: what it presumes does not show.
    Premise,
}

impl Needed {
    /// What decides both.
    fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// What decides one of them.
    fn or(self, other: Self) -> Self {
        self.min(other)
    }

    fn of(seeds: Option<Result<usize, TooFewImages>>) -> Self {
        match seeds {
            Some(Ok(n)) => Self::Seeds(n),
            Some(Err(TooFewImages)) => Self::Images,
            None => Self::Unknown,
        }
    }
}

/// Whether all conditions of a trial point towards the claim, and it can be made.
fn is_towards(trial: &Trial) -> bool {
    let mut conditions = trial.conditions.iter();
    conditions.all(|(effect, bound)| effect.mean > *bound) && is_asked(trial)
}

/// Whether what a trial presumes shows in the mean.
fn is_asked(trial: &Trial) -> bool {
    trial.premises.iter().all(|premise| premise.mean > 0.0)
}

/// What decides a trial for the claim: all of its conditions, and what it presumes.
fn met(trial: &Trial, level: f64) -> Needed {
    let conditions = trial.conditions.iter();
    let each = conditions.map(|(effect, bound)| Needed::of(effect.seeds_needed(*bound, level)));
    presumed(trial, level, each.reduce(Needed::and))
}

/// What decides a trial against the claim: one of the conditions that point the other way, corrected for their number
/// as [`Weighed::and`] does, and what it presumes.
fn failed(trial: &Trial, level: f64) -> Needed {
    let corrected = level / trial.conditions.len() as f64;
    let conditions = trial.conditions.iter();
    let against = conditions.filter(|(effect, bound)| effect.mean <= *bound);
    let each = against.map(|(effect, bound)| Needed::of(effect.seeds_needed(*bound, corrected)));
    presumed(trial, level, each.reduce(Needed::or))
}

/// Adds what the premises of a trial need to what its conditions do.
fn presumed(trial: &Trial, level: f64, conditions: Option<Needed>) -> Needed {
    if !is_asked(trial) {
        return Needed::Premise;
    }
    let premises = trial.premises.iter();
    let each = premises.map(|premise| Needed::of(premise.seeds_needed(0.0, level)));
    each.fold(conditions.unwrap_or(Needed::Unknown), Needed::and)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::statistics::effect::{Effect, Measured};

    /// An effect of three seeds around `mean`, which differ by `apart` from one to the next; test images add nothing.
    fn effect(mean: f64, apart: f64) -> Effect {
        let seeds = [-1.0, 0.0, 1.0].map(|step| Measured {
            value: mean + step * apart,
            resampled: vec![mean; 100],
        });
        Effect::of(&seeds, 100).unwrap()
    }

    fn trial(effect: Effect) -> Trial {
        Trial::new(String::new(), String::new(), effect)
    }

    fn needed(trial: Trial) -> String {
        let verdict = decide(&[trial.weighed], Reach::Everywhere);
        assert_eq!(verdict, Verdict::Undecided, "{trial:?}");
        super::needed(&[trial], Reach::Everywhere, verdict)
    }

    /// Numbers by scipy: the least n from 3 on with scipy.stats.t.cdf(−|mean|/(apart/√n), n − 1) ≤ level.
    #[test]
    fn what_is_needed_regards_each_condition_and_premise() {
        let seeds = |n: usize| format!("about {n} seeds, at the variance seen");
        assert_eq!(needed(trial(effect(0.01, 0.01))), seeds(7));
        // One of two conditions decides against the claim, at half the level.
        let one_against = trial(effect(0.02, 0.001)).and(effect(-0.01, 0.01), 0.0);
        assert_eq!(needed(one_against), seeds(9));
        // A gain that is not clear yet must become so, for the claim and against it.
        let unclear = effect(0.01, 0.01);
        assert_eq!(needed(trial(effect(0.02, 0.001)).given(&unclear)), seeds(7));
        assert_eq!(
            needed(trial(effect(-0.02, 0.001)).given(&unclear)),
            seeds(7)
        );
        // Where there is no gain, no number of seeds will do.
        for mean in [-0.02, 0.02] {
            let found = needed(trial(effect(mean, 0.001)).given(&effect(-0.01, 0.01)));
            assert_eq!(
                found,
                "a gain with all annotations, of which a part could be kept"
            );
        }
    }
}

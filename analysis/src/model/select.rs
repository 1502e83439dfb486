//! Chooses the checkpoint that is reported of a run (a training), by the validation split alone (paper,
//! section 4). A guided run keeps its Pareto set: the epochs that no other epoch dominates in validation F1, EPG
//! and IoU (docs/SPEC.md E.4). The paper does not say which one of them to report, so this file fixes a rule.
//!
//! Candidates are the epochs of the run's Pareto set that were evaluated on the test split. For a guided run,
//! the candidate with the highest validation EPG is chosen among those whose validation F1 is at most
//! [`F1_TOLERANCE`] below the best that its baseline kept; if there are none, the candidate with the highest validation
//! F1. For a baseline, which is trained without guidance, it is the candidate with the highest validation F1.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use crate::model::run::Epoch;

/// The most validation F1 that a guided checkpoint may lose against its baseline's best kept one: 1 percentage point,
/// our choice.
pub const F1_TOLERANCE: f64 = 0.01;

/// Room for rounding in the comparison with the tolerance.
const SLACK: f64 = 1e-12;

/// The checkpoint that is reported of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selection {
    /// Its epoch.
    pub epoch: i32,
    /// Validation F1 there.
    pub val_f1: f64,
    /// Validation EPG there.
    pub val_epg: f64,
    /// The rule that chose it.
    pub rule: Rule,
}

/// The rule that chose a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A baseline: highest validation F1.
    Baseline,
    /// Highest validation EPG within the F1 tolerance.
    HighestEpg,
    /// No candidate was within the tolerance (or there is no baseline): highest validation F1.
    HighestF1,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "best val F1",
            Self::HighestEpg => "best val EPG within 1 point of the baseline's val F1",
            Self::HighestF1 => "best val F1 (none within 1 point of a baseline's)",
        })
    }
}

/// The baseline's checkpoint; `None` when no epoch of its Pareto set was evaluated.
pub fn baseline(epochs: &[Epoch], evaluated: &BTreeSet<i32>) -> Option<Selection> {
    let best = candidates(epochs, evaluated).max_by(by_f1)?;
    Some(selection(best, Rule::Baseline))
}

/// A guided run's checkpoint, given the baseline's best validation F1 if there is a baseline; `None` when no epoch
/// of its Pareto set was evaluated.
pub fn guided(
    epochs: &[Epoch],
    evaluated: &BTreeSet<i32>,
    baseline_f1: Option<f64>,
) -> Option<Selection> {
    // Without a baseline no epoch is within the tolerance.
    let floor = baseline_f1.map_or(f64::INFINITY, |f1| f1 - F1_TOLERANCE - SLACK);
    let tolerated = candidates(epochs, evaluated).filter(|epoch| epoch.val_f1 >= floor);
    if let Some(best) = tolerated.max_by(by_epg) {
        return Some(selection(best, Rule::HighestEpg));
    }
    let best = candidates(epochs, evaluated).max_by(by_f1)?;
    Some(selection(best, Rule::HighestF1))
}

/// The best validation F1 of the epochs that were kept; `None` if none is finite. In other epochs a B-cosified network
/// may still be the ordinary one that it is made of, whose F1 no checkpoint has (docs/SPEC.md D).
pub fn best_f1(epochs: &[Epoch]) -> Option<f64> {
    let kept = epochs.iter().filter(|epoch| epoch.is_kept);
    let values = kept.map(|epoch| epoch.val_f1);
    values
        .filter(|value| value.is_finite())
        .max_by(f64::total_cmp)
}

/// The epochs of the Pareto set that were evaluated.
fn candidates<'a>(
    epochs: &'a [Epoch],
    evaluated: &BTreeSet<i32>,
) -> impl Iterator<Item = &'a Epoch> {
    epochs
        .iter()
        .filter(move |epoch| epoch.is_kept && evaluated.contains(&epoch.epoch))
}

fn selection(epoch: &Epoch, rule: Rule) -> Selection {
    Selection {
        epoch: epoch.epoch,
        val_f1: epoch.val_f1,
        val_epg: epoch.val_epg,
        rule,
    }
}

/// Compares by EPG. Ties go to the higher F1, then to the earlier epoch; an undefined metric is below
/// everything.
fn by_epg(a: &&Epoch, b: &&Epoch) -> Ordering {
    order(a.val_epg, b.val_epg)
        .then(order(a.val_f1, b.val_f1))
        .then(b.epoch.cmp(&a.epoch))
}

/// Compares by F1. Ties go to the higher EPG, then to the earlier epoch.
fn by_f1(a: &&Epoch, b: &&Epoch) -> Ordering {
    order(a.val_f1, b.val_f1)
        .then(order(a.val_epg, b.val_epg))
        .then(b.epoch.cmp(&a.epoch))
}

/// Compares by value; NaN is below everything.
pub(crate) fn order(a: f64, b: f64) -> Ordering {
    let low = |value: f64| {
        if value.is_nan() {
            f64::NEG_INFINITY
        } else {
            value
        }
    };
    low(a).total_cmp(&low(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch((epoch, val_f1, val_epg, is_kept): (i32, f64, f64, bool)) -> Epoch {
        Epoch {
            epoch,
            loss: 0.0,
            loss_class: 0.0,
            seconds: 0.0,
            val_f1,
            val_epg,
            is_kept,
        }
    }

    /// Name, epochs (epoch, val F1, val EPG, is in the Pareto set), evaluated epochs, baseline's best val F1; then the
    /// expected epoch and rule.
    type Case = (
        &'static str,
        &'static [(i32, f64, f64, bool)],
        &'static [i32],
        Option<f64>,
        Option<(i32, Rule)>,
    );

    #[test]
    fn rules() {
        use Rule::{HighestEpg, HighestF1};
        const NAN: f64 = f64::NAN;
        #[rustfmt::skip]
        let cases: [Case; 9] = [
            ("highest EPG within the tolerance", &[(1, 0.70, 0.5, true), (2, 0.69, 0.6, true), (3, 0.68, 0.9, true)], &[1, 2, 3], Some(0.70), Some((2, HighestEpg))),
            ("the bound itself counts", &[(1, 0.79, 0.5, true)], &[1], Some(0.80), Some((1, HighestEpg))),
            ("none within: highest F1", &[(1, 0.50, 0.9, true), (2, 0.60, 0.5, true)], &[1, 2], Some(0.70), Some((2, HighestF1))),
            ("only Pareto epochs", &[(1, 0.70, 0.5, true), (2, 0.70, 0.9, false)], &[1, 2], Some(0.70), Some((1, HighestEpg))),
            ("only evaluated epochs", &[(1, 0.70, 0.5, true), (2, 0.70, 0.9, true)], &[1], Some(0.70), Some((1, HighestEpg))),
            ("tie goes to F1, then to the earlier", &[(1, 0.70, 0.9, true), (2, 0.72, 0.9, true), (3, 0.72, 0.9, true)], &[1, 2, 3], Some(0.70), Some((2, HighestEpg))),
            ("undefined EPG is last", &[(1, 0.70, NAN, true), (2, 0.70, 0.1, true)], &[1, 2], Some(0.70), Some((2, HighestEpg))),
            ("no baseline", &[(1, 0.70, 0.9, true), (2, 0.71, 0.1, true)], &[1, 2], None, Some((2, HighestF1))),
            ("nothing evaluated", &[(1, 0.70, 0.9, true)], &[], Some(0.70), None),
        ];
        for (case, epochs, evaluated, baseline_f1, expected) in cases {
            let epochs: Vec<Epoch> = epochs.iter().copied().map(epoch).collect();
            let evaluated = evaluated.iter().copied().collect();
            let found = guided(&epochs, &evaluated, baseline_f1);
            assert_eq!(found.map(|s| (s.epoch, s.rule)), expected, "{case}");
        }
    }

    #[test]
    fn the_best_f1_is_of_the_epochs_that_were_kept() {
        let best = |epochs: &[(i32, f64, f64, bool)]| {
            let epochs: Vec<Epoch> = epochs.iter().copied().map(epoch).collect();
            best_f1(&epochs)
        };
        let on_its_way = (1, 0.49, 0.3, false);
        assert_eq!(best(&[on_its_way, (2, 0.28, 0.3, true)]), Some(0.28));
        assert_eq!(best(&[on_its_way, (2, f64::NAN, 0.3, true)]), None);
        assert_eq!(best(&[on_its_way]), None);
    }
}

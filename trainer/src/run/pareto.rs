//! Selects the epochs to keep and to score, by their validation metrics (paper section 4, Fig. 4; docs/SPEC.md
//! E.2, E.4). Of guided runs (trained with a localization loss) it is the Pareto front: the epochs that no other
//! epoch dominates in F1, EPG and IoU, each rounded to multiples of 0.005. Of a baseline (a run without that loss)
//! it is the epoch with the highest F1. The fronts in a report are others: of two metrics on test images (analysis
//! `model/front.rs`).

/// An epoch that may be chosen: its validation metrics, each in 0–1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The epoch, from 1.
    pub epoch: i32,
    /// Micro F1.
    pub f1: f64,
    /// Mean over (image, class) pairs of EPG, the share of a map's positive attribution inside the boxes.
    pub epg: f64,
    /// Mean over the same pairs of the IoU of boxes and map.
    pub iou: f64,
}

/// Metrics are compared after rounding to multiples of this (docs/SPEC.md E.4).
const BIN: f64 = 0.005;

impl Candidate {
    /// Returns F1, EPG and IoU as multiples of [`BIN`].
    fn rounded(&self) -> [i64; 3] {
        [self.f1, self.epg, self.iou].map(|value| (value / BIN).round() as i64)
    }
}

/// Returns the epochs of the Pareto front, ascending. Of epochs with the same rounded values only the
/// earliest can be in it.
pub fn front(candidates: &[Candidate]) -> Vec<i32> {
    let is_beaten = |candidate: &Candidate| {
        candidates.iter().any(|other| {
            let (own, others) = (candidate.rounded(), other.rounded());
            let at_least = own.iter().zip(&others).all(|(own, other)| other >= own);
            at_least && (own != others || other.epoch < candidate.epoch)
        })
    };
    candidates
        .iter()
        .filter(|c| !is_beaten(c))
        .map(|c| c.epoch)
        .collect()
}

/// Returns one Pareto front over the epochs of several runs (paper section 4: over epochs and all λ of a
/// configuration), as (index into `runs`, epoch) in the order of the runs. Of epochs with the same rounded
/// values only the first epoch of the first run can be in it.
pub fn merged_front(runs: &[Vec<Candidate>]) -> Vec<(usize, i32)> {
    let all: Vec<(usize, i32)> = runs
        .iter()
        .enumerate()
        .flat_map(|(run, epochs)| epochs.iter().map(move |candidate| (run, candidate.epoch)))
        .collect();
    // The front of all candidates together. A candidate's place in this list stands in the field `epoch`.
    let numbered: Vec<Candidate> = runs
        .iter()
        .flatten()
        .zip(0..)
        .map(|(candidate, epoch)| Candidate {
            epoch,
            ..*candidate
        })
        .collect();
    front(&numbered)
        .into_iter()
        .map(|number| all[number as usize])
        .collect()
}

/// Returns the epoch with the highest F1, the earliest if several have it. A baseline keeps this one
/// (docs/SPEC.md E.2).
pub fn best_f1(candidates: &[Candidate]) -> Option<i32> {
    let mut best: Option<&Candidate> = None;
    for candidate in candidates {
        if best.is_none_or(|best| candidate.f1 > best.f1) {
            best = Some(candidate);
        }
    }
    best.map(|candidate| candidate.epoch)
}

/// Returns the one epoch that stands for runs of one configuration (alike in all but λ and seed), as (index into
/// `runs`, epoch): the one with the highest EPG among the epochs whose F1 is at least `least_f1`, the first if
/// several have it; `None` where no epoch has that F1.
pub fn best_epg(runs: &[Vec<Candidate>], least_f1: f64) -> Option<(usize, i32)> {
    let mut best: Option<(usize, &Candidate)> = None;
    for (run, candidates) in runs.iter().enumerate() {
        for candidate in candidates
            .iter()
            .filter(|candidate| candidate.f1 >= least_f1)
        {
            if best.is_none_or(|(_, best)| candidate.epg > best.epg) {
                best = Some((run, candidate));
            }
        }
    }
    best.map(|(run, candidate)| (run, candidate.epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(epoch: i32, f1: f64, epg: f64, iou: f64) -> Candidate {
        Candidate {
            epoch,
            f1,
            epg,
            iou,
        }
    }

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let epochs = [
            candidate(1, 0.70, 0.30, 0.10),
            candidate(2, 0.72, 0.30, 0.10), // beats 1
            candidate(3, 0.60, 0.50, 0.10), // better EPG
            candidate(4, 0.60, 0.50, 0.05), // beaten by 3
            candidate(5, 0.50, 0.20, 0.20), // better IoU
        ];
        assert_eq!(front(&epochs), [2, 3, 5]);
    }

    /// The arguments of `candidate` are epoch, F1, EPG and IoU. A lower least F1 lets in epochs with higher EPG.
    #[test]
    fn one_epoch_has_the_highest_epg_among_those_of_enough_f1() {
        let runs = [
            vec![candidate(1, 0.70, 0.30, 0.1), candidate(2, 0.69, 0.40, 0.1)],
            vec![candidate(1, 0.60, 0.90, 0.1), candidate(2, 0.69, 0.40, 0.1)],
        ];
        assert_eq!(best_epg(&runs, 0.69), Some((0, 2)));
        assert_eq!(best_epg(&runs, 0.70), Some((0, 1)));
        assert_eq!(best_epg(&runs, 0.60), Some((1, 1)));
        assert_eq!(best_epg(&runs, 0.71), None);
    }

    #[test]
    fn equal_after_rounding_keeps_the_earliest() {
        let epochs = [
            candidate(1, 0.7001, 0.3, 0.1),
            candidate(2, 0.7009, 0.3, 0.1),
        ];
        assert_eq!(front(&epochs), [1]);
    }

    #[test]
    fn a_merged_front_compares_across_runs() {
        let runs = [
            vec![
                candidate(1, 0.70, 0.30, 0.10), // beaten by the other run's 2
                candidate(2, 0.60, 0.50, 0.10),
            ],
            vec![
                candidate(1, 0.60, 0.50, 0.10), // equal to the first run's 2, which is earlier
                candidate(2, 0.71, 0.30, 0.10),
            ],
        ];
        // As (run, epoch).
        assert_eq!(merged_front(&runs), [(0, 2), (1, 2)]);
    }

    #[test]
    fn best_f1_takes_the_earliest_of_equals() {
        let epochs = [
            candidate(1, 0.6, 0.9, 0.0),
            candidate(2, 0.7, 0.1, 0.0),
            candidate(3, 0.7, 0.9, 0.0),
        ];
        assert_eq!(best_f1(&epochs), Some(2));
        assert_eq!(best_f1(&[]), None);
    }
}

//! Chooses checkpoints on validation, for one seed of one loss, and measures the height of its front.
//!
//! A guided checkpoint may cost some F1. For each tolerance t the checkpoint of the highest validation EPG is
//! chosen among those whose validation F1 is at most t below the baseline's of the same seed. Where none
//! qualifies, guidance is declined: the baseline itself stands there, and the gain is 0. The height is the mean
//! over the tolerances of the test values of these checkpoints.

use crate::statistics::effect::Measured;

/// The most validation F1 that a chosen checkpoint may lose against the baseline: 0, 1, 2 and 5 points.
pub const TOLERANCES: [f64; 4] = [0.0, 0.01, 0.02, 0.05];

/// Room for rounding in the comparison with a tolerance.
const SLACK: f64 = 1e-12;

/// A training, from which validation chooses a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Its id, a hash of all that decides it.
    pub id: String,
    /// Its checkpoints.
    pub checkpoints: Vec<Candidate>,
}

/// A checkpoint on validation; fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Validation F1.
    pub f1: f64,
    /// Validation EPG.
    pub epg: f64,
}

/// The place of a chosen checkpoint: the index of its training, and its own in that training. `None` is the
/// baseline: guidance is declined.
pub type Choice = Option<(usize, usize)>;

/// Returns the indices of the `n` trainings that stay where the other side of a comparison has only `n` to choose
/// from: those with the smallest ids, which are hashes. With more trainings validation finds a luckier one, whose
/// luck lasts on the test images.
pub fn thinned(trainings: &[Training], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trainings.len()).collect();
    order.sort_by(|a, b| trainings[*a].id.cmp(&trainings[*b].id));
    order.truncate(n);
    order.sort_unstable();
    order
}

/// Chooses among the checkpoints of the trainings of those indices: the highest validation EPG where validation F1
/// is at least `baseline_f1` − `tolerance`. Ties go to the higher F1, then to the earlier checkpoint.
pub fn choose(trainings: &[Training], among: &[usize], baseline_f1: f64, tolerance: f64) -> Choice {
    let mut best: Option<((usize, usize), Candidate)> = None;
    for &training in among {
        for (index, candidate) in trainings[training].checkpoints.iter().enumerate() {
            let qualifies =
                candidate.f1 >= baseline_f1 - tolerance - SLACK && !candidate.epg.is_nan();
            let is_better =
                best.is_none_or(|(_, best)| (candidate.epg, candidate.f1) > (best.epg, best.f1));
            if qualifies && is_better {
                best = Some(((training, index), *candidate));
            }
        }
    }
    best.map(|(place, _)| place)
}

/// Returns the height of a front: the mean over all tolerances of what `measured` says of the checkpoint chosen there.
/// `None` where one of them was not measured.
pub fn height(
    trainings: &[Training],
    among: &[usize],
    baseline_f1: f64,
    mut measured: impl FnMut(Choice) -> Option<Measured>,
) -> Option<Measured> {
    let at = TOLERANCES.map(|tolerance| choose(trainings, among, baseline_f1, tolerance));
    let at: Vec<Measured> = at.into_iter().map(&mut measured).collect::<Option<_>>()?;
    let at: Vec<&Measured> = at.iter().collect();
    Some(Measured::combined(&at, |values| {
        values.iter().sum::<f64>() / values.len() as f64
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(id: &str, checkpoints: &[(f64, f64)]) -> Training {
        let checkpoints = checkpoints.iter();
        Training {
            id: id.to_owned(),
            checkpoints: checkpoints
                .map(|&(f1, epg)| Candidate { f1, epg })
                .collect(),
        }
    }

    #[test]
    fn the_highest_epg_that_keeps_f1_is_chosen() {
        let trainings = [
            training("b", &[(0.80, 0.50), (0.79, 0.60), (0.74, 0.90)]),
            training("a", &[(0.78, 0.70), (0.79, 0.60)]),
        ];
        for (tolerance, expected) in [
            (0.0, Some((0, 0))),
            // 0.80 − 0.01 itself counts; of equals the earlier.
            (0.01, Some((0, 1))),
            (0.02, Some((1, 0))),
            (0.05, Some((1, 0))),
            (0.06, Some((0, 2))),
        ] {
            assert_eq!(choose(&trainings, &[0, 1], 0.80, tolerance), expected);
        }
        assert_eq!(choose(&trainings, &[0, 1], 0.90, 0.05), None);
        // Without the second training.
        assert_eq!(choose(&trainings, &[0], 0.80, 0.02), Some((0, 1)));
        let undefined = [training("a", &[(0.80, f64::NAN)])];
        assert_eq!(choose(&undefined, &[0], 0.80, 0.0), None);
    }

    #[test]
    fn the_smallest_ids_stay() {
        let trainings = ["c", "a", "d", "b"].map(|id| training(id, &[]));
        assert_eq!(thinned(&trainings, 2), [1, 3]);
        assert_eq!(thinned(&trainings, 9), [0, 1, 2, 3]);
    }

    #[test]
    fn the_height_is_a_mean_over_tolerances() {
        let trainings = [training("a", &[(0.795, 0.50), (0.76, 0.60)])];
        let values = [0.40, 0.52];
        // At 0 points nothing qualifies, and the baseline's 0.30 stands there; at 1 and 2 points the first does.
        let found = height(&trainings, &[0], 0.80, |choice| {
            let value = choice.map_or(0.30, |(_, index)| values[index]);
            Some(Measured {
                value,
                resampled: vec![value, value + 0.1],
            })
        });
        let found = found.expect("all are measured");
        assert!((found.value - (0.30 + 0.40 + 0.40 + 0.52) / 4.0).abs() < 1e-12);
        assert!((found.resampled[1] - found.value - 0.1).abs() < 1e-12);
        assert_eq!(height(&trainings, &[0], 0.80, |_| None), None);
    }
}

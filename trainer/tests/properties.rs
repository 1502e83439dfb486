//! Tests, on random lists of epochs, which epochs of a training run are kept: the Pareto front over validation F1,
//! EPG (energy pointing game) and IoU contains exactly the epochs that no other one dominates.
#![allow(missing_docs)]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use trainer::run::pareto::{Candidate, best_f1, front, merged_front};

/// Draws the epochs of a run. The program compares metrics rounded to multiples of 0.005. The values drawn are six
/// such multiples, so that many are equal.
fn epochs() -> impl Strategy<Value = Vec<Candidate>> {
    let metrics = prop::array::uniform3((0..6_u8).prop_map(|bin| 0.4 + f64::from(bin) * 0.005));
    prop::collection::vec(metrics, 0..12).prop_map(|metrics| {
        let epochs = (1..).zip(metrics);
        epochs
            .map(|(epoch, [f1, epg, iou])| Candidate {
                epoch,
                f1,
                epg,
                iou,
            })
            .collect()
    })
}

/// Whether `a` is at least as good as `b` in all three metrics, up to half of 0.005.
fn is_as_good(a: &Candidate, b: &Candidate) -> bool {
    let pairs = [(a.f1, b.f1), (a.epg, b.epg), (a.iou, b.iou)];
    pairs.iter().all(|(a, b)| *a > b - 0.0025)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_on_the_front_is_beaten_and_all_else_is(epochs in epochs()) {
        let kept = front(&epochs);
        prop_assert_eq!(kept.is_empty(), epochs.is_empty());
        let of_front = |candidate: &&Candidate| kept.contains(&candidate.epoch);
        for candidate in &epochs {
            let others = epochs.iter().filter(|other| other.epoch != candidate.epoch);
            // Dominates: at least as good in all metrics, and better in one or earlier.
            let beats = |other: &&Candidate| {
                is_as_good(other, candidate) && (!is_as_good(candidate, other) || other.epoch < candidate.epoch)
            };
            let mut beating = others.filter(beats);
            if kept.contains(&candidate.epoch) {
                prop_assert_eq!(beating.next(), None);
            } else {
                prop_assert!(beating.any(|other| of_front(&other)), "{candidate:?} is missing");
            }
        }
    }

    #[test]
    fn the_best_f1_is_greatest_and_earliest(epochs in epochs()) {
        let greatest = epochs.iter().map(|candidate| candidate.f1).fold(0.0, f64::max);
        let expected = epochs.iter().find(|candidate| candidate.f1 == greatest);
        prop_assert_eq!(best_f1(&epochs), expected.map(|candidate| candidate.epoch));
    }

    // The front of several runs, as `trainer select` computes it.
    #[test]
    fn a_merged_front_is_that_of_all_epochs_in_one_run(runs in prop::collection::vec(epochs(), 0..4)) {
        let joined: Vec<(usize, Candidate)> = runs
            .iter()
            .enumerate()
            .flat_map(|(run, epochs)| epochs.iter().map(move |candidate| (run, *candidate)))
            .collect();
        let numbered = joined.iter().zip(1..).map(|((_, candidate), epoch)| Candidate { epoch, ..*candidate });
        let expected: Vec<(usize, i32)> = front(&numbered.collect::<Vec<_>>())
            .into_iter()
            .map(|epoch| joined[epoch as usize - 1])
            .map(|(run, candidate)| (run, candidate.epoch))
            .collect();
        prop_assert_eq!(merged_front(&runs), expected);
    }
}

//! Tests properties of the metrics on random maps, masks, logits and resamples: ranges, invariance to scale,
//! symmetry, weights as copies.
#![allow(clippy::unwrap_used, missing_docs)]

use data_prep::geometry::{Grid, Mask};
use evaluator::evaluate::resample;
use evaluator::maps::to_grid;
use evaluator::metrics::energy::{UNDEFINED_BELOW, energy};
use evaluator::metrics::overlap::{iou, sweep, sweep_threshold};
use evaluator::metrics::pair::{Measured, PAIR_METRICS, Pair, Thresholds};
use evaluator::metrics::pooled::{Ranking, average_precision, f1_micro, mean_average_precision};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// 500 cases from a fixed seed, so that every run tests the same ones.
fn fixed() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Draws a value of an attribution map: of any size and sign, and often zero, as after a ReLU.
fn values() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0_f32), -1.0..1.0_f32, -1e6..1e6_f32, -1e-9..1e-9_f32]
}

/// Draws a map, and a mask on the same grid.
fn maps() -> impl Strategy<Value = (Vec<f32>, Mask)> {
    (1..9_usize, 1..9_usize).prop_flat_map(|(height, width)| {
        let grid = Grid { height, width };
        let map = prop::collection::vec(values(), grid.cells());
        let cells = prop::collection::vec(any::<bool>(), grid.cells());
        (map, cells).prop_map(move |(map, cells)| (map, Mask::from_cells(cells, grid)))
    })
}

/// Draws logits of images × classes, some of them equal, their labels, and the number of classes.
fn logits() -> impl Strategy<Value = (Vec<f32>, Vec<bool>, usize)> {
    (1..5_usize, 1..30_usize).prop_flat_map(|(n_classes, n_images)| {
        let n = n_classes * n_images;
        let logit = prop_oneof![-9.0..9.0_f32, (-3..4_i8).prop_map(f32::from)];
        (
            prop::collection::vec(logit, n),
            prop::collection::vec(any::<bool>(), n),
        )
            .prop_map(move |(logits, targets)| (logits, targets, n_classes))
    })
}

/// Returns the map times 2 to the `exponent`, which is exact.
fn scaled(map: &[f32], exponent: i32) -> Vec<f32> {
    map.iter()
        .map(|value| value * 2_f32.powi(exponent))
        .collect()
}

/// Returns a mask as a map of 0 and 1.
fn as_map(mask: &Mask) -> Vec<f32> {
    mask.cells()
        .iter()
        .map(|&inside| f32::from(inside))
        .collect()
}

/// Returns a metric's value of a pair; `None` where it is undefined.
fn measured(metric: &str, map: &[f32], mask: &Mask) -> Option<f64> {
    let thresholds = Thresholds {
        fixed: 0.5,
        tuned: None,
    };
    let size = (mask.grid().height as u32, mask.grid().width as u32);
    let pair = Pair::new(map, mask, None, thresholds, size);
    let mut metrics = PAIR_METRICS.iter();
    let metric = metrics.find(|known| known.name == metric).unwrap();
    match metric.measure(&pair) {
        Measured::Value(value) => Some(value),
        other => {
            assert_eq!(other, Measured::Undefined);
            None
        }
    }
}

/// Whether both are undefined or nearly equal.
fn are_near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        _ => a == b,
    }
}

fn is_share(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

proptest! {
    #![proptest_config(fixed())]

    /// EPG, the share of positive attribution inside a mask, is from 0 to 1 or undefined.
    #[test]
    fn epg_is_a_share_or_undefined((map, mask) in maps()) {
        let found = energy(&map, &mask);
        prop_assert!(0.0 <= found.inside && found.inside <= found.total, "{found:?}");
        match found.epg() {
            None => prop_assert!(found.total < UNDEFINED_BELOW),
            Some(epg) => prop_assert!(is_share(epg), "{epg}"),
        }
        // The energy inside a mask and that inside its complement sum to the total.
        let outside = energy(&map, &mask.inverted());
        prop_assert!((found.inside + outside.inside - found.total).abs() <= 1e-12 * found.total);
        prop_assert_eq!(energy(&map, &Mask::empty(mask.grid())).inside, 0.0);
        // Negative attribution counts as zero.
        let positive: Vec<f32> = map.iter().map(|value| value.max(0.0)).collect();
        prop_assert_eq!(energy(&positive, &mask), found);
    }

    #[test]
    fn epg_and_iou_do_not_depend_on_a_positive_scale((map, mask) in maps(), exponent in -20..20_i32, threshold in 0.0..1.0_f64) {
        let other = scaled(&map, exponent);
        let (a, b) = (energy(&map, &mask), energy(&other, &mask));
        if let (Some(a), Some(b)) = (a.epg(), b.epg()) {
            prop_assert_eq!(a, b);
        }
        // As in the official code, the minimum of a map whose positive part varies by less than 1e-7 is not subtracted:
        // such maps are left out.
        let is_stretched = |map: &[f32]| {
            let positive = map.iter().map(|&value| f64::from(value.max(0.0)));
            let ends = (f64::MAX, 0.0_f64);
            let (least, greatest) = positive.fold(ends, |(low, high), v| (low.min(v), high.max(v)));
            greatest - least >= 1e-7
        };
        if is_stretched(&map) && is_stretched(&other) {
            prop_assert_eq!(iou(&map, &mask, threshold), iou(&other, &mask, threshold));
            prop_assert_eq!(sweep(&map, &mask), sweep(&other, &mask));
        }
    }

    /// IoU is from 0 to 1 at each threshold; with a higher threshold, intersection and union never grow.
    #[test]
    fn iou_is_a_share_that_falls_with_the_explanation((map, mask) in maps()) {
        let mut before: Option<evaluator::metrics::overlap::Iou> = None;
        for (k, at) in sweep(&map, &mask).into_iter().enumerate() {
            prop_assert!(at.intersection <= at.union && at.union as usize <= map.len());
            prop_assert!(is_share(at.value()));
            prop_assert_eq!(at, iou(&map, &mask, sweep_threshold(k)));
            if let Some(before) = before {
                prop_assert!(at.intersection <= before.intersection && at.union <= before.union);
            }
            before = Some(at);
        }
    }

    /// Mask a as a map against mask b has the same IoU as mask b as a map against mask a.
    #[test]
    fn iou_of_two_masks_is_symmetric((_, a) in maps(), seed: u64, threshold in 0.0..1.0_f64) {
        let cells = (0..a.cells().len()).map(|i| seed >> (i % 64) & 1 == 1).collect();
        let b = Mask::from_cells(cells, a.grid());
        // As a map, a mask of all cells or none would be flat and explain nothing.
        prop_assume!([&a, &b].iter().all(|mask| mask.cells().contains(&true) && mask.cells().contains(&false)));
        let there = iou(&as_map(&a), &b, threshold);
        prop_assert_eq!(there, iou(&as_map(&b), &a, threshold));
        let of_itself = iou(&as_map(&a), &a, threshold);
        prop_assert_eq!(of_itself.value(), 1.0);
    }

    /// The pointing game, relevance rank, top-k intersection, AUC and average precision of a map depend on the order of
    /// its cells alone.
    #[test]
    fn the_order_of_cells_decides_alone((map, mask) in maps()) {
        // A strictly increasing function: the rank among the distinct values.
        let mut distinct = map.clone();
        distinct.sort_by(f32::total_cmp);
        distinct.dedup_by(|a, b| a == b);
        let rank = |value: &f32| distinct.iter().position(|other| other == value).unwrap() as f32;
        let ranks: Vec<f32> = map.iter().map(rank).collect();
        for metric in ["pointing_game_quantus", "relevance_rank", "top_k_intersection", "auc", "average_precision"] {
            let found = measured(metric, &map, &mask);
            prop_assert!(found.is_none_or(is_share), "{metric} {found:?}");
            prop_assert_eq!(found, measured(metric, &ranks, &mask), "{}", metric);
        }
        // The other way round, and what is outside taken for what is inside, one is the rest of the other.
        let auc = measured("auc", &map, &mask);
        let opposite: Vec<f32> = map.iter().map(|value| -value).collect();
        prop_assert!(are_near(auc, measured("auc", &opposite, &mask).map(|auc| 1.0 - auc)));
        prop_assert!(are_near(auc, measured("auc", &map, &mask.inverted()).map(|auc| 1.0 - auc)));
        let as_map = as_map(&mask);
        for metric in ["pointing_game_quantus", "relevance_rank", "auc", "average_precision"] {
            let of_itself = measured(metric, &as_map, &mask);
            prop_assert!(of_itself.is_none_or(|value| value == 1.0), "{metric} {of_itself:?}");
        }
    }

    #[test]
    fn relevance_mass_inside_and_outside_sums_to_one((map, mask) in maps(), exponent in -20..20_i32) {
        for metric in ["relevance_mass", "relevance_mass_absolute"] {
            let inside = measured(metric, &map, &mask);
            prop_assert_eq!(inside, measured(metric, &scaled(&map, exponent), &mask), "{}", metric);
            let outside = measured(metric, &map, &mask.inverted());
            if let (Some(inside), Some(outside)) = (inside, outside) {
                let size = inside.abs().max(1.0);
                prop_assert!((inside + outside - 1.0).abs() < 1e-9 * size, "{metric} {inside} {outside}");
            }
        }
        let absolute = measured("relevance_mass_absolute", &map, &mask);
        prop_assert!(absolute.is_none_or(is_share), "{absolute:?}");
    }

    /// Gini index and entropy do not depend on signs and scale. Cells of zero beside a map raise the Gini index alone;
    /// a cell's value moved onto another's raises the Gini index and lowers entropy.
    #[test]
    fn concentrated_maps_have_a_higher_gini_index_and_less_entropy((map, mask) in maps(), exponent in -20..20_i32) {
        let n = map.len() as f64;
        let (gini, entropy) = (measured("gini", &map, &mask), measured("entropy", &map, &mask));
        prop_assert!(gini.is_none_or(|gini| (-1e-12..1.0 - 1.0 / n + 1e-12).contains(&gini)), "{gini:?}");
        prop_assert!(entropy.is_none_or(|entropy| (-1e-12..n.ln() + 1e-12).contains(&entropy)), "{entropy:?}");
        let signs_lost: Vec<f32> = map.iter().map(|value| value.abs()).collect();
        let other = scaled(&signs_lost, exponent);
        prop_assert!(are_near(gini, measured("gini", &other, &mask)));
        prop_assert!(are_near(entropy, measured("entropy", &other, &mask)));
        // With as many cells of zero beside them, the same values are sparser and no less uniform.
        let grid = Grid { height: mask.grid().height, width: 2 * mask.grid().width };
        let wide: Vec<f32> = map.iter().flat_map(|&value| [value, 0.0]).collect();
        let wide_mask = Mask::empty(grid);
        prop_assert!(are_near(gini.map(|gini| (1.0 + gini) / 2.0), measured("gini", &wide, &wide_mask)));
        prop_assert!(are_near(entropy, measured("entropy", &wide, &wide_mask)));
        // The last cell's value moved onto the first. Where the smaller of the two is a share s of the sum, the Gini
        // index rises by at least 2s/n and entropy falls by at least 2s ln 2; 1e-6 is for rounding to 32 bits.
        if let (&[first, .., last], Some(gini), Some(entropy)) = (&signs_lost[..], gini, entropy) {
            let mut moved = signs_lost.clone();
            moved[0] = first + last;
            moved[map.len() - 1] = 0.0;
            let sum: f64 = signs_lost.iter().map(|&value| f64::from(value)).sum();
            let share = f64::from(first.min(last)) / sum;
            let after = |metric: &str| measured(metric, &moved, &mask).unwrap();
            let (risen, fallen) = (after("gini") - gini, entropy - after("entropy"));
            prop_assert!(risen > 2.0 * share / n - 1e-6, "{risen} {share}");
            prop_assert!(fallen > 2.0 * share * 2_f64.ln() - 1e-6, "{fallen} {share}");
        }
    }

    /// F1 depends on the signs of the logits alone, and is 1 for perfect ones.
    #[test]
    fn f1_is_a_share_and_asks_for_the_sign_alone((logits, targets, _) in logits(), exponent in -20..20_i32) {
        let f1 = f1_micro(&logits, &targets);
        prop_assert!(f1.is_none_or(is_share));
        prop_assert_eq!(f1, f1_micro(&scaled(&logits, exponent), &targets));
        let perfect: Vec<f32> = targets.iter().map(|&target| if target { 1.0 } else { -1.0 }).collect();
        prop_assert_eq!(f1_micro(&perfect, &targets), targets.contains(&true).then_some(1.0));
    }

    /// Mean average precision depends on the order of the logits alone: increasing functions do not change it.
    #[test]
    fn map_asks_for_the_order_alone((logits, targets, n_classes) in logits()) {
        let found = mean_average_precision(&logits, &targets, n_classes);
        prop_assert!(found.is_none_or(is_share));
        // A strictly increasing function: the rank among the distinct values.
        let mut distinct = logits.clone();
        distinct.sort_by(f32::total_cmp);
        distinct.dedup();
        let rank = |logit: &f32| distinct.iter().position(|value| value == logit).unwrap() as f32;
        let ranks: Vec<f32> = logits.iter().map(rank).collect();
        prop_assert_eq!(found, mean_average_precision(&ranks, &targets, n_classes));
        let cubes: Vec<f32> = ranks.iter().map(|rank| rank.powi(3) - 100.0).collect();
        prop_assert_eq!(found, mean_average_precision(&cubes, &targets, n_classes));
    }

    /// Average precision is 1 if all positives come first, and the share of positives if all logits are equal.
    #[test]
    fn a_perfect_order_has_precision_one_and_none_has_the_share_of_positives((_, targets, _) in logits()) {
        let positives = targets.iter().filter(|&&target| target).count();
        prop_assume!(positives > 0);
        let perfect: Vec<f32> = targets.iter().map(|&target| f32::from(target)).collect();
        prop_assert_eq!(average_precision(&perfect, &targets), Some(1.0));
        let same = vec![0.5; targets.len()];
        let share = positives as f64 / targets.len() as f64;
        prop_assert!((average_precision(&same, &targets).unwrap() - share).abs() < 1e-12);
    }

    /// A bootstrap resample of n images draws n in all, and the same for the same seed and number.
    #[test]
    fn a_resample_draws_as_many_and_always_the_same(seed: u64, replicate: u64, n in 1..200_usize) {
        let weights = resample(seed, replicate, n);
        prop_assert_eq!(weights.len(), n);
        prop_assert_eq!(weights.iter().sum::<u32>() as usize, n);
        prop_assert_eq!(weights, resample(seed, replicate, n));
    }

    /// An image with weight w counts in the average precision like w copies of it.
    #[test]
    fn weights_count_as_copies((logits, targets, _) in logits(), seed: u64) {
        let weights = resample(seed, 0, logits.len());
        let images = || logits.iter().copied().zip(targets.iter().copied());
        let weighted = Ranking::new(images()).average_precision(|image| weights[image]);
        let copies = images().zip(&weights).flat_map(|(image, &weight)| std::iter::repeat_n(image, weight as usize));
        let copied = Ranking::new(copies).average_precision(|_| 1);
        prop_assert_eq!(weighted.is_some(), copied.is_some());
        prop_assert!(weighted.zip(copied).is_none_or(|(a, b)| (a - b).abs() < 1e-12));
    }

    /// A map brought to another size has no value outside the range of its own values.
    #[test]
    fn interpolation_stays_between_the_least_and_the_greatest((map, mask) in maps(), height in 1..20_usize, width in 1..20_usize) {
        let shape = (mask.grid().height, mask.grid().width);
        let full = to_grid(&map, shape, Grid { height, width });
        let (least, greatest) = map.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        prop_assert_eq!(full.len(), height * width);
        prop_assert!(full.iter().all(|value| (least..=greatest).contains(value)));
    }
}

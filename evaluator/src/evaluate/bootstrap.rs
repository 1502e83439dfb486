//! Bootstrap over images, paired across runs: F1, mAP, accuracy and the means over pairs of resampled
//! splits.
//!
//! A resample is a pure function of (seed, replicate, the sorted image ids): as many draws with
//! replacement as there are images, from a splitmix64 stream, as indices into the sorted ids. So
//! replicate r weighs the images of two runs alike, and differences of runs are plain subtractions.
//! A group's metrics are over that group's share of the same resample. Intervals are analysis's.

use rayon::prelude::*;

use super::sums::{PairSums, PairValues};
use crate::metrics::mean;
use crate::metrics::pooled::{Counts, Ranking};
use crate::random::SplitMix64;

/// One image of the split, with its pairs' sums.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageTotals {
    /// Its group.
    pub group_id: Option<i32>,
    /// Logits and targets, one per class; empty without predictions.
    pub logits: Vec<f32>,
    /// Whether the class is a label.
    pub targets: Vec<bool>,
    /// Whether its greatest logit is its label; `None` without predictions and where the task is not
    /// to tell two classes apart.
    pub is_right: Option<bool>,
    /// Sums over its pairs.
    pub pairs: PairSums,
}

/// The metrics of one resample; `None` where undefined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replicate {
    /// Its number, from 0.
    pub replicate: usize,
    /// The group it is over; `None` for all images.
    pub group_id: Option<i32>,
    /// Micro F1.
    pub f1: Option<f64>,
    /// Macro mean average precision.
    pub map: Option<f64>,
    /// Share of images whose greatest logit is their label.
    pub accuracy: Option<f64>,
    /// The means over pairs.
    pub means: PairValues,
}

/// Resamples `images`, which are in the order of their sorted ids: for each replicate one row over
/// all images, then one per group of `groups`.
pub fn replicates(images: &[ImageTotals], groups: &[i32], seed: u64, n: usize) -> Vec<Replicate> {
    let n_classes = images
        .iter()
        .map(|image| image.logits.len())
        .max()
        .unwrap_or(0);
    // Images without predictions take no part in F1, mAP and accuracy.
    let predicted: Vec<usize> = (0..images.len())
        .filter(|&i| !images[i].logits.is_empty())
        .collect();
    let counts: Vec<Counts> = images
        .iter()
        .map(|image| Counts::of(&image.logits, &image.targets))
        .collect();
    let rankings: Vec<Ranking> = (0..n_classes)
        .map(|class| {
            let cell = |&i: &usize| (images[i].logits[class], images[i].targets[class]);
            Ranking::new(predicted.iter().map(cell))
        })
        .collect();
    let metrics = |replicate: usize, group_id: Option<i32>, weights: &[u32]| {
        let mut outcomes = Counts::default();
        let (mut n_right, mut n_judged) = (0_u64, 0_u64);
        let mut pairs = PairSums::default();
        for ((image, counts), &weight) in images.iter().zip(&counts).zip(weights) {
            if weight == 0 {
                continue;
            }
            outcomes.add(counts, u64::from(weight));
            pairs.add_weighted(&image.pairs, weight);
            if let Some(is_right) = image.is_right {
                n_right += u64::from(weight) * u64::from(is_right);
                n_judged += u64::from(weight);
            }
        }
        let weights: Vec<u32> = predicted.iter().map(|&i| weights[i]).collect();
        let precision = |ranking: &Ranking| ranking.average_precision(|i| weights[i]);
        Replicate {
            replicate,
            group_id,
            f1: outcomes.f1(),
            map: mean(rankings.iter().filter_map(precision)),
            accuracy: (n_judged > 0).then(|| n_right as f64 / n_judged as f64),
            means: pairs.means(),
        }
    };
    let rows = |replicate: usize| {
        let weights = resample(seed, replicate as u64, images.len());
        let mut rows = vec![metrics(replicate, None, &weights)];
        for &group in groups {
            let of_group = |(image, &weight): (&ImageTotals, &u32)| {
                if image.group_id == Some(group) {
                    weight
                } else {
                    0
                }
            };
            let weights: Vec<u32> = images.iter().zip(&weights).map(of_group).collect();
            rows.push(metrics(replicate, Some(group), &weights));
        }
        rows
    };
    (0..n).into_par_iter().flat_map_iter(rows).collect()
}

/// How often each of `n` images (in the order of their sorted ids) is drawn in a replicate.
pub fn resample(seed: u64, replicate: u64, n: usize) -> Vec<u32> {
    let mut stream = SplitMix64::new(seed, replicate);
    let mut weights = vec![0; n];
    for _ in 0..n {
        let draw = (u128::from(stream.draw()) * n as u128) >> 64;
        weights[draw as usize] += 1;
    }
    weights
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::pooled::{f1_micro, mean_average_precision};
    use crate::random::splitmix64;

    /// Up to two pairs an image, every fifth image with segmentations.
    fn values(i: usize) -> Vec<PairValues> {
        let pair = |k: usize| {
            let segmented = i.is_multiple_of(5).then_some(0.25 * k as f64);
            let (epg, iou) = (0.125 * k as f64, 0.0625 * (i % 5) as f64);
            [Some(epg), Some(iou), None, segmented, segmented]
        };
        (0..i % 3).map(pair).collect()
    }

    fn sums(i: usize) -> PairSums {
        let mut sums = PairSums::default();
        values(i).iter().for_each(|values| sums.add(values));
        sums
    }

    fn images() -> Vec<ImageTotals> {
        let value = |i: usize, k: u64| (splitmix64(i as u64 * 7 + k) >> 40) as f32 / 1e7 - 0.8;
        (0..40)
            .map(|i| ImageTotals {
                group_id: Some((i % 2) as i32),
                logits: if i == 5 {
                    vec![]
                } else {
                    (0..3).map(|k| (value(i, k) * 8.0).round()).collect()
                },
                targets: if i == 5 {
                    vec![]
                } else {
                    (0..3).map(|k| (i + k as usize).is_multiple_of(4)).collect()
                },
                is_right: (i != 5).then_some(i % 7 < 4),
                pairs: sums(i),
            })
            .collect()
    }

    #[test]
    fn a_replicate_is_the_metric_of_the_images_drawn() {
        let images = images();
        let rows = replicates(&images, &[0, 1], 3, 8);
        assert_eq!(rows.len(), 24);
        for row in rows {
            let weights = resample(3, row.replicate as u64, images.len());
            let drawn: Vec<(usize, &ImageTotals)> = images
                .iter()
                .enumerate()
                .zip(&weights)
                .filter(|((_, image), _)| row.group_id.is_none() || image.group_id == row.group_id)
                .flat_map(|(image, &weight)| std::iter::repeat_n(image, weight as usize))
                .collect();
            let logits: Vec<f32> = drawn.iter().flat_map(|i| i.1.logits.clone()).collect();
            let targets: Vec<bool> = drawn.iter().flat_map(|i| i.1.targets.clone()).collect();
            assert_eq!(row.f1, f1_micro(&logits, &targets));
            let map = mean_average_precision(&logits, &targets, 3).unwrap();
            assert!((row.map.unwrap() - map).abs() < 1e-12);
            let right: Vec<bool> = drawn.iter().filter_map(|i| i.1.is_right).collect();
            let n_right = right.iter().filter(|&&is_right| is_right).count();
            assert_eq!(row.accuracy, Some(n_right as f64 / right.len() as f64));
            let pairs: Vec<PairValues> = drawn.iter().flat_map(|i| values(i.0)).collect();
            for (metric, found) in row.means.into_iter().enumerate() {
                let expected = mean(pairs.iter().filter_map(|values| values[metric]));
                let difference = found.unwrap_or(-1.0) - expected.unwrap_or(-1.0);
                assert!(difference.abs() < 1e-12, "{found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn resamples_are_pure_and_uniform() {
        assert_eq!(resample(0, 5, 100), resample(0, 5, 100));
        assert_ne!(resample(0, 5, 100), resample(0, 6, 100));
        assert_ne!(resample(0, 5, 100), resample(1, 4, 100));
        assert!(resample(0, 0, 0).is_empty());
        let mut sums = [0_u32; 10];
        for replicate in 0..5000 {
            let weights = resample(7, replicate, 10);
            assert_eq!(weights.iter().sum::<u32>(), 10);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight;
            }
        }
        // 50,000 draws over 10 images: 5,000 each with a standard deviation of 67.
        assert!(sums.iter().all(|sum| sum.abs_diff(5000) < 340), "{sums:?}");
    }

    #[test]
    fn nothing_to_resample() {
        let row = replicates(&[], &[], 0, 1)[0];
        assert_eq!((row.f1, row.map, row.accuracy), (None, None, None));
        assert_eq!(row.means, [None; 5]);
    }
}

//! Bootstrap over images, paired across runs: F1, mAP, EPG and IoU of resampled splits.
//!
//! A resample is a pure function of (seed, replicate, the sorted image ids): as many draws with
//! replacement as there are images, from a splitmix64 stream, as indices into the sorted ids. So
//! replicate r weighs the images of two runs alike, and differences of runs are plain subtractions.
//! A group's metrics are over that group's share of the same resample. Intervals are analysis's.

use rayon::prelude::*;

use crate::classification::{Counts, Ranking};
use crate::energy::mean;

/// One image of the split, with its pairs' sums.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageTotals {
    /// Its group.
    pub group_id: Option<i32>,
    /// Logits and targets, one per class; empty without predictions.
    pub logits: Vec<f32>,
    /// Whether the class is a label.
    pub targets: Vec<bool>,
    /// Pairs scored.
    pub n_pairs: u32,
    /// Sum of their EPG, undefined ones as 0.
    pub epg: f64,
    /// Sum of their IoU at the fixed threshold.
    pub iou: f64,
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
    /// Mean EPG, undefined pairs as 0.
    pub epg: Option<f64>,
    /// Mean IoU.
    pub iou: Option<f64>,
}

/// Resamples `images`, which are in the order of their sorted ids: for each replicate one row over
/// all images, then one per group of `groups`.
pub fn replicates(images: &[ImageTotals], groups: &[i32], seed: u64, n: usize) -> Vec<Replicate> {
    let n_classes = images
        .iter()
        .map(|image| image.logits.len())
        .max()
        .unwrap_or(0);
    // Images without predictions take no part in F1 and mAP.
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
        let (mut epg, mut iou, mut n_pairs) = (0.0, 0.0, 0_u64);
        for ((image, counts), &weight) in images.iter().zip(&counts).zip(weights) {
            outcomes.add(counts, u64::from(weight));
            epg += f64::from(weight) * image.epg;
            iou += f64::from(weight) * image.iou;
            n_pairs += u64::from(weight) * u64::from(image.n_pairs);
        }
        let weights: Vec<u32> = predicted.iter().map(|&i| weights[i]).collect();
        let precision = |ranking: &Ranking| ranking.average_precision(|i| weights[i]);
        Replicate {
            replicate,
            group_id,
            f1: outcomes.f1(),
            map: mean(rankings.iter().filter_map(precision)),
            epg: (n_pairs > 0).then(|| epg / n_pairs as f64),
            iou: (n_pairs > 0).then(|| iou / n_pairs as f64),
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
    // Both numbers pass the mixer, so that neighbouring seeds and replicates share no stream.
    let mut state = splitmix64(splitmix64(seed).wrapping_add(replicate));
    let mut weights = vec![0; n];
    for _ in 0..n {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let draw = (u128::from(mix(state)) * n as u128) >> 64;
        weights[draw as usize] += 1;
    }
    weights
}

/// One step of splitmix64 from `state`.
pub(crate) fn splitmix64(state: u64) -> u64 {
    mix(state.wrapping_add(0x9E37_79B9_7F4A_7C15))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::classification::{f1_micro, mean_average_precision};

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
                n_pairs: (i % 3) as u32,
                epg: (i % 3) as f64 * 0.125,
                iou: (i % 3) as f64 * 0.0625 * (i % 5) as f64,
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
            let drawn: Vec<&ImageTotals> = images
                .iter()
                .zip(&weights)
                .filter(|(image, _)| row.group_id.is_none() || image.group_id == row.group_id)
                .flat_map(|(image, &weight)| std::iter::repeat_n(image, weight as usize))
                .collect();
            let logits: Vec<f32> = drawn.iter().flat_map(|i| i.logits.clone()).collect();
            let targets: Vec<bool> = drawn.iter().flat_map(|i| i.targets.clone()).collect();
            let n_pairs: u32 = drawn.iter().map(|i| i.n_pairs).sum();
            let epg: f64 = drawn.iter().map(|i| i.epg).sum::<f64>() / f64::from(n_pairs);
            let iou: f64 = drawn.iter().map(|i| i.iou).sum::<f64>() / f64::from(n_pairs);
            assert_eq!(row.f1, f1_micro(&logits, &targets));
            let map = mean_average_precision(&logits, &targets, 3).unwrap();
            assert!((row.map.unwrap() - map).abs() < 1e-12);
            assert!((row.epg.unwrap() - epg).abs() < 1e-12);
            assert!((row.iou.unwrap() - iou).abs() < 1e-12);
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
        assert_eq!(
            (row.f1, row.map, row.epg, row.iou),
            (None, None, None, None)
        );
    }
}

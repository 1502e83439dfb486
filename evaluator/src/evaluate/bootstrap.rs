//! Bootstrap over images: F1, mAP, accuracy, the means over pairs (an image and a class on it) and metrics of all
//! maps together, computed for many resamples of a split's images.
//!
//! A resample draws, with replacement, as many images as the split has. It is a pure function of (seed,
//! replicate number, the sorted image ids): a splitmix64 stream gives indices into the sorted ids. So
//! replicate r draws the same images for every run, and the difference of two runs is taken replicate by
//! replicate. A group's metrics are over the group's images in the same resample. The crate analysis makes
//! confidence intervals of these values.

use data_prep::dataset::Labels;
use rayon::prelude::*;

use super::sums::Sum;
use super::tallies::{Drawn, Steps};
use crate::metrics::pair::PairMetric;
use crate::metrics::pooled::{Counts, Pool, PoolMetric, Ranking, decided};
use crate::metrics::tally::TallyMetric;
use crate::random::SplitMix64;

/// One image of the split: its logits, and the sums over its pairs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageTotals {
    /// Its group; `None` where the data has no groups.
    pub group_id: Option<i32>,
    /// Its logits, one per class; empty without predictions.
    pub logits: Vec<f32>,
    /// For each class whether it is a label of the image; empty without predictions.
    pub targets: Vec<bool>,
    /// The rank of its label among its logits, from 0. `None` without predictions, and for data sets in which
    /// accuracy is not defined (it needs two classes and one label on every image).
    pub rank: Option<usize>,
    /// For each resampled metric of pairs, the sum of its values over the image's pairs.
    pub pairs: Vec<Sum>,
    /// For each resampled metric of all maps together, the counts of the image's pairs; empty without pairs.
    pub tallies: Vec<Steps>,
}

/// The images that are resampled, and the metrics that are computed of each resample.
#[derive(Debug, Clone)]
pub struct Totals {
    /// The split's images, sorted by id.
    pub images: Vec<ImageTotals>,
    /// The metrics of logits; none without predictions.
    pub pool_metrics: Vec<&'static PoolMetric>,
    /// The metrics of pairs, in the order of `ImageTotals::pairs`.
    pub pair_metrics: Vec<&'static PairMetric>,
    /// The metrics of all maps together, in the order of `ImageTotals::tallies`.
    pub tally_metrics: Vec<&'static TallyMetric>,
    /// For each class whether it is informative (on few enough images and with boxes small enough to say
    /// something about guidance; docs/SPEC.md B).
    pub informative: Vec<bool>,
    /// Whether an image shows any number of classes, each predicted at logit ≥ 0, or exactly one, the one with
    /// the greatest logit.
    pub labels: Labels,
}

impl Totals {
    /// The names of the resampled metrics, in the order of `Replicate::values`.
    pub fn names(&self) -> Vec<&'static str> {
        let of_logits = self.pool_metrics.iter().map(|metric| metric.name);
        let of_pairs = self.pair_metrics.iter().map(|metric| metric.name);
        let of_all_maps = self.tally_metrics.iter().map(|metric| metric.name);
        of_logits.chain(of_pairs).chain(of_all_maps).collect()
    }
}

/// The metrics of one resample.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicate {
    /// The resample's number, from 0.
    pub replicate: usize,
    /// The group it is over; `None` for all images.
    pub group_id: Option<i32>,
    /// The value of each of [`Totals::names`]; `None` where undefined.
    pub values: Vec<Option<f64>>,
}

/// Computes the metrics of `n` resamples: for each, one row over all images, then one for each of `groups`.
pub fn replicates(totals: &Totals, groups: &[i32], seed: u64, n: usize) -> Vec<Replicate> {
    let images = &totals.images;
    let n_classes = images
        .iter()
        .map(|image| image.logits.len())
        .max()
        .unwrap_or(0);
    // Images without predictions take no part in the metrics of logits.
    let predicted: Vec<usize> = (0..images.len())
        .filter(|&i| !images[i].logits.is_empty())
        .collect();
    // For each image the counts over all classes, and over the informative ones.
    let counts: Vec<[Counts; 2]> = images
        .iter()
        .map(|image| {
            let (decided, targets) = (decided(&image.logits, totals.labels), &image.targets);
            [
                Counts::of(&decided, targets),
                Counts::of_classes(&decided, targets, &totals.informative),
            ]
        })
        .collect();
    let rankings: Vec<Ranking> = (0..n_classes)
        .map(|class| {
            let cell = |&i: &usize| (images[i].logits[class], images[i].targets[class]);
            Ranking::new(predicted.iter().map(cell))
        })
        .collect();
    // Computes the metrics of the images, where image i counts `weights[i]` times.
    let metrics = |replicate: usize, group_id: Option<i32>, weights: &[u32]| {
        let mut pool = Pool::default();
        let mut sums = vec![Sum::default(); totals.pair_metrics.len()];
        let mut tallies = vec![Drawn::default(); totals.tally_metrics.len()];
        for ((image, [counts, informative]), &weight) in images.iter().zip(&counts).zip(weights) {
            if weight == 0 {
                continue;
            }
            pool.counts.add(counts, u64::from(weight));
            pool.informative.add(informative, u64::from(weight));
            for (sum, of_image) in sums.iter_mut().zip(&image.pairs) {
                sum.add_weighted(of_image, weight);
            }
            for (sum, of_image) in tallies.iter_mut().zip(&image.tallies) {
                sum.add(of_image, weight);
            }
            if let Some(rank) = image.rank {
                pool.judge(rank, u64::from(weight));
            }
        }
        let weights: Vec<u32> = predicted.iter().map(|&i| weights[i]).collect();
        let precision = |ranking: &Ranking| ranking.average_precision(|i| weights[i]);
        pool.precisions = rankings.iter().map(precision).collect();
        let of_logits = totals
            .pool_metrics
            .iter()
            .map(|metric| (metric.value)(&pool));
        let of_all_maps = totals.tally_metrics.iter().zip(tallies);
        let of_all_maps = of_all_maps.map(|(metric, sums)| (metric.value)(&sums.tally()));
        Replicate {
            replicate,
            group_id,
            values: of_logits
                .chain(sums.iter().map(Sum::mean))
                .chain(of_all_maps)
                .collect(),
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

/// Returns how often each of `n` images (sorted by id) is drawn in a replicate.
pub fn resample(seed: u64, replicate: u64, n: usize) -> Vec<u32> {
    let mut stream = SplitMix64::new(seed, replicate);
    let mut weights = vec![0; n];
    for _ in 0..n {
        // A 64-bit number scaled to 0..n.
        let draw = (u128::from(stream.draw()) * n as u128) >> 64;
        weights[draw as usize] += 1;
    }
    weights
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::mean;
    use crate::metrics::pair::PAIR_METRICS;
    use crate::metrics::pooled::{POOL_METRICS, f1_micro, mean_average_precision};
    use crate::random::splitmix64;

    // A metric of pairs that is resampled; which one does not matter here.
    const METRIC: PairMetric = PairMetric {
        interval: true,
        ..PAIR_METRICS[0]
    };

    /// Returns the values of image `i`'s pairs (`i` modulo 3 of them) in two metrics; only every fifth image's
    /// pairs have the second metric.
    fn values(i: usize) -> Vec<[Option<f64>; 2]> {
        let second = |k: usize| i.is_multiple_of(5).then_some(0.25 * k as f64);
        (0..i % 3)
            .map(|k| [Some(0.125 * k as f64), second(k)])
            .collect()
    }

    /// Returns the sums of these values for each metric.
    fn sums(i: usize) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); 2];
        for values in values(i) {
            for (sum, value) in sums.iter_mut().zip(values) {
                sum.add(value);
            }
        }
        sums
    }

    /// Returns 40 images of two groups with three classes; image 5 has no predictions. Logits are whole numbers
    /// from −6 to 7, so that many are equal.
    fn totals() -> Totals {
        let value = |i: usize, k: u64| (splitmix64(i as u64 * 7 + k) >> 40) as f32 / 1e7 - 0.8;
        let images = (0..40).map(|i| ImageTotals {
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
            rank: (i != 5).then_some(i % 7),
            pairs: sums(i),
            tallies: Vec::new(),
        });
        Totals {
            images: images.collect(),
            pool_metrics: POOL_METRICS.iter().filter(|m| m.interval).collect(),
            pair_metrics: vec![&METRIC, &METRIC],
            tally_metrics: Vec::new(),
            informative: vec![true, false, true],
            labels: Labels::Multi,
        }
    }

    /// Each replicate's values must be the metrics of a list of images in which each image stands as often as it
    /// was drawn.
    #[test]
    fn a_replicate_is_the_metric_of_the_images_drawn() {
        let totals = totals();
        let images = &totals.images;
        assert_eq!(
            totals.names()[..5],
            ["f1", "f1_informative", "map", "accuracy", "accuracy_top5"]
        );
        let rows = replicates(&totals, &[0, 1], 3, 8);
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
            assert_eq!(row.values[0], f1_micro(&logits, &targets));
            // The second of the three classes is not informative.
            let of_the_others = |cells: Vec<f32>| -> Vec<f32> {
                let cells = cells.into_iter().enumerate();
                cells
                    .filter(|(i, _)| i % 3 != 1)
                    .map(|(_, cell)| cell)
                    .collect()
            };
            let their_logits = of_the_others(logits.clone());
            let their_targets = of_the_others(targets.iter().map(|&t| f32::from(t)).collect());
            let their_targets: Vec<bool> = their_targets.iter().map(|&t| t == 1.0).collect();
            assert_eq!(row.values[1], f1_micro(&their_logits, &their_targets));
            let map = mean_average_precision(&logits, &targets, 3).unwrap();
            assert!((row.values[2].unwrap() - map).abs() < 1e-12);
            let ranks: Vec<usize> = drawn.iter().filter_map(|i| i.1.rank).collect();
            for (value, below) in row.values[3..5].iter().zip([1, 5]) {
                let n_right = ranks.iter().filter(|&&rank| rank < below).count();
                assert_eq!(*value, Some(n_right as f64 / ranks.len() as f64));
            }
            let pairs: Vec<[Option<f64>; 2]> = drawn.iter().flat_map(|i| values(i.0)).collect();
            for (metric, found) in row.values[5..].iter().enumerate() {
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
        // 50,000 draws over 10 images: 5,000 each with a standard deviation of 67, five of which are allowed.
        assert!(sums.iter().all(|sum| sum.abs_diff(5000) < 340), "{sums:?}");
    }

    #[test]
    fn nothing_to_resample() {
        let totals = Totals {
            images: Vec::new(),
            ..totals()
        };
        // Five metrics of logits and two of pairs, all undefined.
        assert_eq!(replicates(&totals, &[], 0, 1)[0].values, [None; 7]);
    }
}

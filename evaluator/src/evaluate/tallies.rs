//! Sums the counts of pairs (an image and a class on it) from which the metrics of all maps together are computed:
//! over each part of the split, and for the bootstrap over each image.

use std::collections::{BTreeMap, HashMap};

use super::scope::Scope;
use crate::metrics::Chosen;
use crate::metrics::pair::Pair;
use crate::metrics::tally::{Tally, TallyMetric};

/// The summed counts of the chosen metrics.
#[derive(Debug, Default)]
pub struct Tallies {
    metrics: Vec<&'static TallyMetric>,
    /// By part of the split, for each metric the sums over the part's pairs.
    by_scope: BTreeMap<Scope, Vec<Tally>>,
    /// By index in the data set, for each metric with an interval the sums over the image's pairs.
    by_image: HashMap<usize, Vec<Steps>>,
}

/// The counts of a pair in each metric; `None` where the pair is left out.
pub(crate) type Counts = Vec<Option<Vec<u32>>>;

/// The counts of an image as the places where they differ from the count before, which are few: a threshold mostly
/// counts what its neighbour does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    /// A count's index, and how much greater it is than the one before.
    steps: Vec<(u32, i32)>,
    /// How many counts there are; 0 without pairs.
    n_counts: usize,
    /// The number of pairs.
    pairs: u32,
}

impl Tallies {
    /// Begins with no pair.
    pub(crate) fn new(chosen: &Chosen) -> Self {
        Self {
            metrics: chosen.of_all_maps().collect(),
            ..Self::default()
        }
    }

    /// Counts a pair; [`Self::add`] takes the counts.
    pub(crate) fn counts(&self, pair: &Pair) -> Counts {
        let metrics = self.metrics.iter();
        metrics.map(|metric| (metric.counts)(pair)).collect()
    }

    /// Adds the counts of a pair of the image with index `image`, which belongs to `scopes`.
    pub(crate) fn add(
        &mut self,
        image: usize,
        scopes: impl Iterator<Item = Scope>,
        counts: &Counts,
    ) {
        if self.metrics.is_empty() {
            return;
        }
        for scope in scopes {
            let tallies = self.by_scope.entry(scope).or_default();
            tallies.resize(counts.len(), Tally::default());
            for (tally, counts) in tallies.iter_mut().zip(counts) {
                if let Some(counts) = counts {
                    tally.add(counts);
                }
            }
        }
        let of_image = self.by_image.entry(image).or_default();
        let resampled = self.metrics.iter().zip(counts);
        let resampled = resampled.filter(|(metric, _)| metric.interval);
        for (i, (_, counts)) in resampled.enumerate() {
            if i == of_image.len() {
                of_image.push(Steps::default());
            }
            if let Some(counts) = counts {
                of_image[i].add(counts);
            }
        }
    }

    /// Returns the metrics that a pair of a part of the split has, each with the sums.
    pub fn of(&self, scope: Scope) -> impl Iterator<Item = (&'static TallyMetric, &Tally)> {
        let tallies = self.by_scope.get(&scope).into_iter().flatten();
        let metrics = self.metrics.iter().copied();
        metrics.zip(tallies).filter(|(_, tally)| tally.pairs > 0)
    }

    /// Returns the metrics that are resampled: those with an interval, where a pair of the split has one.
    pub fn resampled(&self) -> Vec<&'static TallyMetric> {
        let metrics = self.of(Scope::All).map(|(metric, _)| metric);
        metrics.filter(|metric| metric.interval).collect()
    }

    /// Returns the counts of an image's pairs in each metric with an interval; none without pairs.
    pub fn of_image(&self, image: usize) -> &[Steps] {
        self.by_image.get(&image).map_or(&[], Vec::as_slice)
    }
}

impl Steps {
    /// Adds the counts of a pair.
    fn add(&mut self, counts: &[u32]) {
        let mut sums: BTreeMap<u32, i32> = self.steps.iter().copied().collect();
        let mut before = 0;
        for (i, &count) in (0..).zip(counts) {
            if count != before {
                *sums.entry(i).or_default() += count as i32 - before as i32;
                before = count;
            }
        }
        self.steps = sums.into_iter().filter(|step| step.1 != 0).collect();
        self.n_counts = counts.len();
        self.pairs += 1;
    }
}

/// The sum of the counts of images that were drawn.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawn {
    /// The sum of the steps, by index.
    steps: Vec<i64>,
    pairs: u64,
}

impl Drawn {
    /// Adds the counts of an image that was drawn `weight` times.
    pub(super) fn add(&mut self, of_image: &Steps, weight: u32) {
        if self.steps.len() < of_image.n_counts {
            self.steps.resize(of_image.n_counts, 0);
        }
        for &(i, step) in &of_image.steps {
            self.steps[i as usize] += i64::from(weight) * i64::from(step);
        }
        self.pairs += u64::from(weight) * u64::from(of_image.pairs);
    }

    /// Returns the sums.
    pub(super) fn tally(self) -> Tally {
        let mut count = 0;
        let counts = self.steps.into_iter().map(|step| {
            count += step;
            count as u64
        });
        Tally {
            counts: counts.collect(),
            pairs: self.pairs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_sum_to_the_counts_of_the_images_drawn() {
        let pairs: [&[u32]; 3] = [&[0, 1, 1, 0, 2], &[3, 1, 0, 0, 2], &[0; 5]];
        let mut images = [Steps::default(), Steps::default(), Steps::default()];
        images[0].add(pairs[0]);
        images[0].add(pairs[1]);
        images[1].add(pairs[2]);
        let mut drawn = Drawn::default();
        for (image, weight) in images.iter().zip([2, 1, 7]) {
            drawn.add(image, weight);
        }
        let expected = Tally {
            counts: vec![6, 4, 2, 0, 8],
            pairs: 5,
        };
        assert_eq!(drawn.tally(), expected);
        assert_eq!(Drawn::default().tally(), Tally::default());
        assert!(images[1].steps.is_empty());
    }
}

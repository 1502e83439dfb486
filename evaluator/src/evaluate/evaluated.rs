//! What the tables of an evaluation are computed from: the scored pairs of a split (a pair is an image and
//! a class on it), the logits of its images, and IoU's thresholds.

use std::collections::HashMap;

use data_prep::dataset::{Dataset, Image, Labels, Split};

use super::bootstrap::{ImageTotals, Totals};
use super::informative::Informative;
use super::predictions::Predictions;
use super::sums::Sum;
use super::tallies::Tallies;
use crate::metrics::Chosen;
use crate::metrics::pair::{Measured, PAIR_METRICS, PairMetric, ScoredPair, Thresholds};
use crate::metrics::pooled::{Defined, POOL_METRICS, PoolMetric, rank_of_label};

/// What an evaluation's tables are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Evaluated<'a> {
    /// The data set.
    pub dataset: &'a Dataset,
    /// The split scored.
    pub split: Split,
    /// The pairs that have a map, ordered by image and class.
    pub pairs: &'a [ScoredPair],
    /// What was counted of the maps for the metrics of all of them together.
    pub tallies: &'a Tallies,
    /// The images' logits, if a file of them was given.
    pub predictions: Option<&'a Predictions>,
    /// IoU's thresholds.
    pub thresholds: Thresholds,
    /// The metrics of maps that are computed.
    pub chosen: Chosen,
    /// Which classes are informative (docs/SPEC.md B).
    pub informative: &'a Informative,
}

impl Evaluated<'_> {
    /// Returns the groups that have an image in the split, ascending.
    pub fn groups(&self) -> Vec<i32> {
        let in_split = |group: i32| {
            let mut images = self.dataset.images.iter();
            images.any(|image| image.split == self.split && image.group_id == Some(group))
        };
        let groups = self.dataset.groups.iter().map(|&(group, _)| group);
        let mut groups: Vec<i32> = groups.filter(|&group| in_split(group)).collect();
        groups.sort_unstable();
        groups
    }

    /// The image of a pair.
    pub fn image(&self, pair: &ScoredPair) -> &Image {
        &self.dataset.images[pair.image]
    }

    /// Returns the metrics of pairs that get a row over `pairs`, each with its index in
    /// `ScoredPair::values`: of the chosen ones those that every pair has, and those that at least one of
    /// `pairs` has (e.g. those that need a segmentation).
    pub fn pair_metrics(
        &self,
        pairs: &[&ScoredPair],
    ) -> impl Iterator<Item = (usize, &'static PairMetric)> {
        let is_there = move |&(k, metric): &(usize, &PairMetric)| {
            let has_it = |pair: &&ScoredPair| pair.values[k] != Measured::Absent;
            let is_chosen = self.chosen.has_pair(k);
            is_chosen && (metric.is_of_all(self.thresholds) || pairs.iter().any(has_it))
        };
        PAIR_METRICS.iter().enumerate().filter(is_there)
    }

    /// Returns the metrics of logits that are defined for this data set.
    pub fn pool_metrics(&self) -> impl Iterator<Item = &'static PoolMetric> {
        let (has_one_label, n_classes) = (self.has_one_label(), self.dataset.classes.len());
        // Whether some class is not informative.
        let some_cannot = !self.informative.why_not.is_empty();
        let metrics = POOL_METRICS.iter();
        metrics.filter(move |metric| match metric.defined {
            Defined::Always => true,
            Defined::OneLabel => has_one_label,
            Defined::OneLabelOfMany => has_one_label && n_classes > 5,
            Defined::SomeUninformative => some_cannot,
        })
    }

    /// Whether there are two classes or more and every image has exactly one label, so that accuracy is
    /// defined.
    pub fn has_one_label(&self) -> bool {
        let mut images = self.dataset.images.iter();
        self.dataset.classes.len() > 1 && images.all(|image| image.labels.len() == 1)
    }

    /// Whether an image shows any number of classes or exactly one, as the predictions say; any without
    /// predictions.
    pub fn labels(&self) -> Labels {
        self.predictions
            .map(|predictions| predictions.labels)
            .unwrap_or_default()
    }

    /// Returns the split's images, sorted by id, with the sums of their pairs, as the bootstrap takes them.
    pub fn totals(&self) -> Totals {
        let images = &self.dataset.images;
        let n_classes = self.dataset.classes.len() as i32;
        let has_one_label = self.has_one_label();
        let all: Vec<&ScoredPair> = self.pairs.iter().collect();
        let of_pairs: Vec<(usize, &PairMetric)> = self
            .pair_metrics(&all)
            .filter(|(_, metric)| metric.interval)
            .collect();
        let of_logits = self.pool_metrics().filter(|metric| metric.interval);
        // (Row in `predictions`, index in the data set) of each image.
        let mut indices: Vec<(usize, usize)> = self
            .dataset
            .indices(self.split)
            .into_iter()
            .enumerate()
            .collect();
        indices.sort_unstable_by_key(|&(_, index)| &images[index].image_id);
        let mut totals = Vec::with_capacity(indices.len());
        let mut position = HashMap::new();
        for (row, index) in indices {
            let image = &images[index];
            position.insert(index, totals.len());
            let mut total = ImageTotals {
                group_id: image.group_id,
                pairs: vec![Sum::default(); of_pairs.len()],
                tallies: self.tallies.of_image(index).to_vec(),
                ..ImageTotals::default()
            };
            let logits = self.predictions.map(|predictions| &predictions.logits[row]);
            if let Some(logits) = logits.filter(|logits| !logits.is_empty()) {
                total.targets = (0..n_classes)
                    .map(|class| image.labels.contains(&class))
                    .collect();
                total.rank = rank_of_label(logits, &image.labels).filter(|_| has_one_label);
                total.logits.clone_from(logits);
            }
            totals.push(total);
        }
        for pair in self.pairs {
            let sums = &mut totals[position[&pair.image]].pairs;
            for (sum, &(k, metric)) in sums.iter_mut().zip(&of_pairs) {
                sum.add(metric.counted(pair.values[k]));
            }
        }
        Totals {
            images: totals,
            pool_metrics: match self.predictions {
                Some(_) => of_logits.collect(),
                None => Vec::new(),
            },
            pair_metrics: of_pairs.into_iter().map(|(_, metric)| metric).collect(),
            tally_metrics: self.tallies.resampled(),
            informative: self.informative.of_classes(n_classes as usize),
            labels: self.labels(),
        }
    }
}

//! Computes the rows of `metrics.parquet`: every metric over the whole split, over each group of images,
//! over each class, and over each size of mask. A pair is an image and a class on it; it has one map.
//!
//! Over all images and over each group there are: the metrics of logits (`n` is the number of images), the
//! means over pairs (`n`: the pairs that enter the mean), the metrics of all maps together (`n`: the pairs that
//! enter), the mean IoU at each threshold of the sweep, and
//! the numbers of pairs for which EPG and IoU say little (`n`: all pairs). Over all images there are also
//! accuracy, F1 and EPG of the worst group, each of the group where it is lowest, and the accuracy of groups weighted
//! as in training ([`adjusted`]) (`n`: the groups). Each class has
//! f1 and ap (average precision; its mean over classes is the metric map) over all images, and the means over its
//! pairs and metrics of their maps. Each size has these of its pairs. A class or size without pairs has none.

use std::collections::BTreeMap;

use super::adjusted;
use super::evaluated::Evaluated;
use super::predictions::Predictions;
use super::scope::Scope;
use super::sums::Sum;
use crate::metrics::overlap::{N_THRESHOLDS, sweep_threshold};
use crate::metrics::pair::{Mean, ScoredPair};
use crate::metrics::pooled::{
    Counts, PAIR_COUNTS, Pool, average_precision, decided, rank_of_label,
};
use crate::metrics::{ADJUSTED_ACCURACY, AVERAGE_PRECISION, IOU_SWEEP, WORST_GROUPS, mean};

/// One row of `metrics.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The images or pairs it is over.
    pub scope: Scope,
    /// The metric's name in tables.
    pub metric: &'static str,
    /// IoU's threshold; `None` for other metrics.
    pub threshold: Option<f64>,
    /// `None` where undefined.
    pub value: Option<f64>,
    /// The number of images, pairs or groups it is over.
    pub n: usize,
}

impl Metric {
    fn new(scope: Scope, metric: &'static str, value: Option<f64>, n: usize) -> Self {
        Self {
            scope,
            metric,
            threshold: None,
            value,
            n,
        }
    }

    /// Returns the row with a threshold.
    fn at(self, threshold: Option<f64>) -> Self {
        Self { threshold, ..self }
    }
}

impl Evaluated<'_> {
    /// Returns all rows, ordered by scope: all images, groups, classes, sizes; last the worst groups.
    pub fn metrics(&self) -> Vec<Metric> {
        let groups = self.groups().into_iter().map(Scope::Group);
        let mut pairs_of: BTreeMap<Scope, Vec<&ScoredPair>> = std::iter::once(Scope::All)
            .chain(groups)
            .map(|scope| (scope, Vec::new()))
            .collect();
        for pair in self.pairs {
            for scope in self.scopes(pair) {
                pairs_of.entry(scope).or_default().push(pair);
            }
        }
        let mut metrics = Vec::new();
        for (&scope, pairs) in &pairs_of {
            if let (Some(predictions), Scope::All | Scope::Group(_)) = (self.predictions, scope) {
                self.classification(predictions, scope, &mut metrics);
            }
            self.localization(scope, pairs, &mut metrics);
        }
        for (name, _, of) in WORST_GROUPS {
            let of_groups = metrics
                .iter()
                .filter(|m| m.metric == of && matches!(m.scope, Scope::Group(_)))
                .filter_map(|m| m.value);
            let of_groups: Vec<f64> = of_groups.collect();
            if let Some(worst) = of_groups.iter().copied().reduce(f64::min) {
                let n = of_groups.len();
                metrics.push(Metric::new(Scope::All, name, Some(worst), n));
            }
        }
        let of_group = |group| {
            let is_own =
                |row: &&Metric| row.metric == "accuracy" && row.scope == Scope::Group(group);
            metrics.iter().find(is_own)?.value
        };
        if let Some((value, n)) = adjusted::accuracy(self.dataset, of_group) {
            metrics.push(Metric::new(Scope::All, ADJUSTED_ACCURACY, Some(value), n));
        }
        metrics
    }

    /// Returns the scopes that a pair belongs to.
    fn scopes(&self, pair: &ScoredPair) -> impl Iterator<Item = Scope> {
        let size = (pair.mask_area, self.dataset.grid().cells());
        Scope::of_pair(self.image(pair).group_id, pair.class_id, size)
    }

    /// Adds the metrics of logits over all images or a group; over all images also f1 and ap of each class.
    fn classification(&self, predictions: &Predictions, scope: Scope, metrics: &mut Vec<Metric>) {
        let n_classes = self.dataset.classes.len();
        let (mut logits, mut targets, mut decisions) = (Vec::new(), Vec::new(), Vec::new());
        let informative = self.informative.of_classes(n_classes);
        let mut n = 0;
        let mut pool = Pool::default();
        let indices = self.dataset.indices(self.split);
        for (index, row) in indices.into_iter().zip(&predictions.logits) {
            let image = &self.dataset.images[index];
            let is_in_scope = scope == Scope::All || image.group_id == scope.group_id();
            if row.is_empty() || !is_in_scope {
                continue;
            }
            n += 1;
            if let Some(rank) = rank_of_label(row, &image.labels) {
                pool.judge(rank, 1);
            }
            logits.extend_from_slice(row);
            decisions.extend_from_slice(&decided(row, predictions.labels));
            targets.extend((0..n_classes as i32).map(|class| image.labels.contains(&class)));
        }
        // (F1, average precision) of each class. `logits` are row-major (images × classes), so a class's values
        // are every `n_classes`-th.
        let by_class: Vec<(Option<f64>, Option<f64>)> = (0..n_classes)
            .map(|class| {
                let cells = (class..logits.len()).step_by(n_classes);
                let of_class =
                    |values: &[f32]| -> Vec<f32> { cells.clone().map(|i| values[i]).collect() };
                let targets: Vec<bool> = cells.clone().map(|i| targets[i]).collect();
                let f1 = Counts::of(&of_class(&decisions), &targets).f1();
                (f1, average_precision(&of_class(&logits), &targets))
            })
            .collect();
        let is_counted = informative.repeat(n);
        pool.counts = Counts::of(&decisions, &targets);
        pool.informative = Counts::of_classes(&decisions, &targets, &is_counted);
        pool.precisions = by_class.iter().map(|of| of.1).collect();
        let mut add = |scope, metric, value| metrics.push(Metric::new(scope, metric, value, n));
        for metric in self.pool_metrics() {
            add(scope, metric.name, (metric.value)(&pool));
        }
        if scope == Scope::All {
            for (class, (f1, precision)) in (0..).zip(by_class) {
                add(Scope::Class(class), "f1", f1);
                add(Scope::Class(class), AVERAGE_PRECISION, precision);
            }
        }
    }

    /// Adds the means over `pairs`, which are the pairs of `scope`, and the metrics of their maps together.
    fn localization(&self, scope: Scope, pairs: &[&ScoredPair], metrics: &mut Vec<Metric>) {
        for (k, metric) in self.pair_metrics(pairs) {
            if metric.mean == Mean::NotTaken {
                continue;
            }
            let mut sum = Sum::default();
            for pair in pairs {
                sum.add(metric.counted(pair.values[k]));
            }
            let row = Metric::new(scope, metric.name, sum.mean(), sum.n as usize);
            metrics.push(row.at(metric.threshold_of(self.thresholds)));
        }
        for (metric, tally) in self.tallies.of(scope) {
            let value = (metric.value)(tally);
            metrics.push(Metric::new(scope, metric.name, value, tally.pairs as usize));
        }
        if let Scope::All | Scope::Group(_) = scope {
            for k in 0..N_THRESHOLDS {
                let value = mean(pairs.iter().map(|pair| pair.sweep[k].value()));
                let row = Metric::new(scope, IOU_SWEEP, value, pairs.len());
                metrics.push(row.at(Some(sweep_threshold(k))));
            }
            for count in PAIR_COUNTS {
                let value = Some(count.of(pairs.iter().copied()) as f64);
                metrics.push(Metric::new(scope, count.name, value, pairs.len()));
            }
        }
    }
}

//! The rows of `metrics.parquet`: over a split, over each of its groups of images, over the pairs of
//! each class, and over the pairs of each size of mask.
//!
//! | metric | is | n |
//! |---|---|---|
//! | f1, map, accuracy_cells | micro F1, macro mAP, accuracy over image × class cells | images |
//! | accuracy | share of images whose greatest logit is their label; only where there are two classes and every image has one label (Waterbirds) | images |
//! | worst_group | the least accuracy of a group | groups |
//! | epg | mean EPG, pairs under the paper's constant as 0 (the paper's) | pairs |
//! | epg_defined | mean EPG over pairs with positive attribution, whatever its scale | those pairs |
//! | iou | mean IoU at the fixed threshold | pairs |
//! | iou_tuned | mean IoU at the threshold chosen on validation; only where one was (`tuned`) | pairs |
//! | iou_sweep | mean IoU at each threshold of the sweep | pairs |
//! | segment_epg | mean share of positive attribution in the segmentation, undefined as 0 | pairs with a segmentation |
//! | on_object | mean of attribution in the segmentation over that in the boxes, undefined as 0 | pairs with a segmentation |
//! | empty_mask, no_positive, under_constant | number of pairs ([`Count`]) | pairs |
//!
//! A segmentation is not cut to the boxes, so a pair's on_object can exceed 1. What the paper calls
//! Waterbirds' worst group is a fixed one, waterbird on land: `accuracy` of group 2, in both tasks;
//! `worst_group` is the true minimum.
//!
//! Rows by class have f1 and ap (average precision, whose mean is map) over all images, and the means
//! over the class's pairs; rows by size have the latter. Sweep and counts are there for all and for groups. A
//! class or size without a pair has no mean.

use std::collections::BTreeMap;

use super::evaluated::{Evaluated, is_right};
use super::predictions::Predictions;
use super::scope::Scope;
use super::sums::{PairMetric, PairSums};
use crate::metrics::energy::mean_epg_defined;
use crate::metrics::mean;
use crate::metrics::overlap::{N_THRESHOLDS, sweep_threshold};
use crate::metrics::pair::ScoredPair;
use crate::metrics::pooled::{Counts, average_precision};

/// One row of `metrics.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What it is over.
    pub scope: Scope,
    /// Its spelling.
    pub metric: &'static str,
    /// IoU's threshold.
    pub threshold: Option<f64>,
    /// In 0..=1 (on_object can exceed 1), or a [`Count`]; `None` where undefined.
    pub value: Option<f64>,
    /// Images, pairs or groups it is over.
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

    fn at(self, threshold: f64) -> Self {
        Self {
            threshold: Some(threshold),
            ..self
        }
    }
}

/// Pairs whose EPG and IoU say less than they seem to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// The boxes cover no cell (SPEC A.5), so that EPG and IoU are 0 whatever the map.
    EmptyMask,
    /// The map is nowhere positive on the grid: EPG is undefined.
    NoPositive,
    /// Something is positive, but the paper's EPG undefined.
    UnderConstant,
}

impl Count {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EmptyMask, Self::NoPositive, Self::UnderConstant];

    /// Its spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyMask => "empty_mask",
            Self::NoPositive => "no_positive",
            Self::UnderConstant => "under_constant",
        }
    }

    /// How many of `pairs` these are.
    pub fn of(self, pairs: &[&ScoredPair]) -> usize {
        let is_one = |pair: &&&ScoredPair| match self {
            Self::EmptyMask => pair.detail.mask_area == 0,
            Self::NoPositive => pair.detail.epg().is_none(),
            Self::UnderConstant => pair.detail.energy().is_under_constant(),
        };
        pairs.iter().filter(is_one).count()
    }
}

impl Evaluated<'_> {
    /// All metrics: of all images, of each group, each class, each size, and the worst group.
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
        let of_groups: Vec<f64> = metrics
            .iter()
            .filter(|m| m.metric == "accuracy" && m.scope != Scope::All)
            .filter_map(|m| m.value)
            .collect();
        if let Some(worst) = of_groups.iter().copied().reduce(f64::min) {
            let n = of_groups.len();
            metrics.push(Metric::new(Scope::All, "worst_group", Some(worst), n));
        }
        metrics
    }

    /// Everything a pair is part of.
    fn scopes(&self, pair: &ScoredPair) -> impl Iterator<Item = Scope> {
        let size = Scope::of_size(pair.detail.mask_area, self.dataset.grid().cells());
        [Scope::All, Scope::Class(pair.class_id), size]
            .into_iter()
            .chain(self.image(pair).group_id.map(Scope::Group))
    }

    /// The metrics of logits over all images or a group; over all images those of each class, too.
    fn classification(&self, predictions: &Predictions, scope: Scope, metrics: &mut Vec<Metric>) {
        let n_classes = self.dataset.classes.len();
        let (mut logits, mut targets) = (Vec::new(), Vec::new());
        let (mut n, mut n_right) = (0, 0);
        let indices = self.dataset.indices(self.split);
        for (index, row) in indices.into_iter().zip(&predictions.logits) {
            let image = &self.dataset.images[index];
            let is_in_scope = scope == Scope::All || image.group_id == scope.group_id();
            if row.is_empty() || !is_in_scope {
                continue;
            }
            n += 1;
            n_right += usize::from(is_right(image, row));
            logits.extend_from_slice(row);
            targets.extend((0..n_classes as i32).map(|class| image.labels.contains(&class)));
        }
        let counts = Counts::of(&logits, &targets);
        let by_class: Vec<(Option<f64>, Option<f64>)> = (0..n_classes)
            .map(|class| {
                let cells = (class..logits.len()).step_by(n_classes);
                let cells = cells.map(|i| (logits[i], targets[i]));
                let (logits, targets): (Vec<f32>, Vec<bool>) = cells.unzip();
                let f1 = Counts::of(&logits, &targets).f1();
                (f1, average_precision(&logits, &targets))
            })
            .collect();
        let mut add = |scope, metric, value| metrics.push(Metric::new(scope, metric, value, n));
        add(scope, "f1", counts.f1());
        add(scope, "map", mean(by_class.iter().filter_map(|of| of.1)));
        add(scope, "accuracy_cells", counts.accuracy());
        if self.is_one_of_two() {
            let accuracy = (n > 0).then(|| n_right as f64 / n as f64);
            add(scope, "accuracy", accuracy);
        }
        if scope == Scope::All {
            for (class, (f1, precision)) in (0..).zip(by_class) {
                add(Scope::Class(class), "f1", f1);
                add(Scope::Class(class), "ap", precision);
            }
        }
    }

    /// The means over `pairs`, which are those of `scope`.
    fn localization(&self, scope: Scope, pairs: &[&ScoredPair], metrics: &mut Vec<Metric>) {
        let mut sums = PairSums::default();
        pairs.iter().for_each(|pair| sums.add(&self.values(pair)));
        for ((metric, sum), value) in PairMetric::ALL.into_iter().zip(sums.0).zip(sums.means()) {
            let row = Metric::new(scope, metric.as_str(), value, sum.n as usize);
            match metric {
                PairMetric::Epg => {
                    metrics.push(row);
                    let epg = || pairs.iter().map(|pair| pair.detail.epg());
                    let (value, n) = (mean_epg_defined(epg()), epg().flatten().count());
                    metrics.push(Metric::new(scope, "epg_defined", value, n));
                }
                PairMetric::Iou => metrics.push(row.at(self.threshold)),
                PairMetric::IouTuned => {
                    metrics.extend(self.tuned.map(|k| row.at(sweep_threshold(k))));
                }
                PairMetric::SegmentEpg | PairMetric::OnObject => {
                    metrics.extend((sum.n > 0).then_some(row));
                }
            }
        }
        if let Scope::All | Scope::Group(_) = scope {
            for k in 0..N_THRESHOLDS {
                let value = mean(pairs.iter().map(|pair| pair.detail.sweep[k].1.value()));
                let row = Metric::new(scope, "iou_sweep", value, pairs.len());
                metrics.push(row.at(sweep_threshold(k)));
            }
            for count in Count::ALL {
                let value = Some(count.of(pairs) as f64);
                metrics.push(Metric::new(scope, count.as_str(), value, pairs.len()));
            }
        }
    }
}

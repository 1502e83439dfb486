//! Means over a split and over each of its groups: the rows of `metrics.parquet`.
//!
//! | metric | is | n |
//! |---|---|---|
//! | f1, map, accuracy | micro F1, macro mAP, accuracy over image × class cells | images |
//! | accuracy_top1 | share of images whose greatest logit is their label; only where there are two classes and every image has one label (Waterbirds) | images |
//! | worst_group | the least accuracy_top1 of a group | groups |
//! | epg | mean EPG, undefined pairs as 0 (the paper's) | pairs |
//! | epg_defined | mean EPG over pairs where it is defined | those pairs |
//! | iou | mean IoU at the fixed threshold | pairs |
//! | iou_sweep | mean IoU at each threshold of the sweep | pairs |
//! | segment_epg | mean share of positive attribution in the segmentation, undefined as 0 | pairs with a segmentation |
//! | on_object | mean share of segmentation to boxes, undefined as 0 | pairs with a segmentation |

use data_prep::dataset::{Dataset, Split};

use crate::classification::{Counts, mean_average_precision};
use crate::energy::{mean, mean_epg, mean_epg_defined};
use crate::iou::{N_THRESHOLDS, sweep_threshold};
use crate::pair::PairDetail;
use crate::predictions::Predictions;

/// One row of `metrics.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The group it is over; `None` for all images.
    pub group_id: Option<i32>,
    /// Its spelling.
    pub metric: &'static str,
    /// IoU's threshold.
    pub threshold: Option<f64>,
    /// In 0..=1 (on_object can exceed 1); `None` where undefined.
    pub value: Option<f64>,
    /// Images, pairs or groups it is over.
    pub n: usize,
}

/// A scored (image, class) pair.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// Index into `Dataset::images`.
    pub image: usize,
    /// The class explained, one of the image's labels.
    pub class_id: i32,
    /// What was measured.
    pub detail: PairDetail,
}

/// All that an evaluation's tables are made from.
#[derive(Debug, Clone, Copy)]
pub struct Evaluated<'a> {
    /// The data set.
    pub dataset: &'a Dataset,
    /// The split scored.
    pub split: Split,
    /// The pairs that have a map, in the order of images and classes.
    pub pairs: &'a [ScoredPair],
    /// Logits, where given.
    pub predictions: Option<&'a Predictions>,
    /// IoU's fixed threshold.
    pub threshold: f64,
}

impl Evaluated<'_> {
    /// Groups with an image in the split, ascending.
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

    /// All metrics, first of all images, then of each group.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let groups = self.groups();
        for group_id in std::iter::once(None).chain(groups.iter().copied().map(Some)) {
            if let Some(predictions) = self.predictions {
                self.classification(predictions, group_id, &mut metrics);
            }
            self.localization(group_id, &mut metrics);
        }
        let of_groups: Vec<f64> = metrics
            .iter()
            .filter(|m| m.metric == "accuracy_top1" && m.group_id.is_some())
            .filter_map(|m| m.value)
            .collect();
        if let Some(worst) = of_groups.iter().copied().reduce(f64::min) {
            metrics.push(Metric {
                group_id: None,
                metric: "worst_group",
                threshold: None,
                value: Some(worst),
                n: of_groups.len(),
            });
        }
        metrics
    }

    fn classification(
        &self,
        predictions: &Predictions,
        group_id: Option<i32>,
        metrics: &mut Vec<Metric>,
    ) {
        let n_classes = self.dataset.classes.len();
        let (mut logits, mut targets) = (Vec::new(), Vec::new());
        let (mut n, mut n_top1) = (0, 0);
        for (&index, row) in self
            .dataset
            .indices(self.split)
            .iter()
            .zip(&predictions.logits)
        {
            let image = &self.dataset.images[index];
            if row.is_empty() || (group_id.is_some() && image.group_id != group_id) {
                continue;
            }
            n += 1;
            n_top1 += usize::from(image.labels == [arg_max(row)]);
            logits.extend_from_slice(row);
            targets.extend((0..n_classes as i32).map(|class| image.labels.contains(&class)));
        }
        let counts = Counts::of(&logits, &targets);
        let mut add = |metric, value| {
            metrics.push(Metric {
                group_id,
                metric,
                threshold: None,
                value,
                n,
            });
        };
        add("f1", counts.f1());
        add("map", mean_average_precision(&logits, &targets, n_classes));
        add("accuracy", counts.accuracy());
        if self.is_one_of_two() {
            add("accuracy_top1", (n > 0).then(|| n_top1 as f64 / n as f64));
        }
    }

    /// Whether the task is to tell two classes apart.
    fn is_one_of_two(&self) -> bool {
        let mut images = self.dataset.images.iter();
        self.dataset.classes.len() == 2 && images.all(|image| image.labels.len() == 1)
    }

    fn localization(&self, group_id: Option<i32>, metrics: &mut Vec<Metric>) {
        let in_scope = |pair: &&ScoredPair| {
            group_id.is_none() || self.dataset.images[pair.image].group_id == group_id
        };
        let details: Vec<&PairDetail> = self
            .pairs
            .iter()
            .filter(in_scope)
            .map(|pair| &pair.detail)
            .collect();
        let epg = || details.iter().map(|detail| detail.epg);
        let mut add = |metric, threshold, value, n| {
            metrics.push(Metric {
                group_id,
                metric,
                threshold,
                value,
                n,
            });
        };
        let n = details.len();
        add("epg", None, mean_epg(epg()), n);
        add(
            "epg_defined",
            None,
            mean_epg_defined(epg()),
            epg().flatten().count(),
        );
        let iou = mean(details.iter().map(|detail| detail.iou.value()));
        add("iou", Some(self.threshold), iou, n);
        for k in 0..N_THRESHOLDS {
            let iou = mean(details.iter().map(|detail| detail.sweep[k].1.value()));
            add("iou_sweep", Some(sweep_threshold(k)), iou, n);
        }
        let segmented = || {
            details
                .iter()
                .filter(|detail| detail.segment_energy.is_some())
        };
        let n = segmented().count();
        if n > 0 {
            add(
                "segment_epg",
                None,
                mean_epg(segmented().map(|d| d.segment_epg())),
                n,
            );
            add(
                "on_object",
                None,
                mean_epg(segmented().map(|d| d.on_object())),
                n,
            );
        }
    }
}

/// The class with the greatest logit, the first of equals.
fn arg_max(logits: &[f32]) -> i32 {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    best as i32
}

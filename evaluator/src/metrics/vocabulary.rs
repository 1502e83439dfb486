//! Lists the names of all metrics, for the tables' metadata and for other programs (`evaluator vocabulary
//! --json`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::chosen::Chosen;
use super::pair::Mean;
use super::pooled::{PAIR_COUNTS, POOL_METRICS};

/// Name of the average precision of one class.
pub(crate) const AVERAGE_PRECISION: &str = "ap";
/// Metrics in rows over all images that are the lowest value that another metric has in any group: name, title, and
/// the other metric. (What the paper calls Waterbirds' worst group is always the same one, waterbird on land: the
/// accuracy of group 2, in both tasks.)
pub(crate) const WORST_GROUPS: [(&str, &str, &str); 3] = [
    ("worst_group", "Accuracy of the worst group", "accuracy"),
    ("worst_group_f1", "F1 of the worst group", "f1"),
    ("worst_group_epg", "EPG of the worst group", "epg"),
];
/// Name of the accuracy of the groups weighted by their shares of the training images (WILDS' adjusted average accuracy).
pub(crate) const ADJUSTED_ACCURACY: &str = "adjusted_accuracy";
/// Name of the mean IoU at each threshold of the sweep (0.00, 0.05, … 0.95).
pub(crate) const IOU_SWEEP: &str = "iou_sweep";

/// What other programs are told of a metric of `metrics.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Word {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is computed from.
    pub of: Of,
    /// How undefined values enter it.
    pub undefined: Undefined,
    /// Whether it is a share, which people read in percent.
    pub share: bool,
    /// Whether it has bootstrap replicates, from which its interval is made.
    pub interval: bool,
    /// Whether every evaluation has it, as far as its data do. Any other is there where it was asked for
    /// (`evaluator score --metric`).
    pub standard: bool,
}

/// What a metric is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// Each pair (an image and a class on it); the values are averaged.
    Pair,
    /// Many images or pairs together.
    Pool,
}

/// How undefined values enter a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Undefined {
    /// As 0.
    #[serde(rename = "zero")]
    Zero,
    /// Not at all.
    #[serde(rename = "left out")]
    LeftOut,
}

/// Returns all metrics of `metrics.parquet`.
pub fn vocabulary() -> Vec<Word> {
    words(&Chosen::ALL)
}

/// Returns the metrics of `metrics.parquet`, of those of maps the chosen ones.
fn words(chosen: &Chosen) -> Vec<Word> {
    let pooled = |name, title, share, interval| Word {
        name,
        title,
        of: Of::Pool,
        undefined: Undefined::LeftOut,
        share,
        interval,
        standard: true,
    };
    let logits = POOL_METRICS.iter();
    let logits = logits.map(|metric| pooled(metric.name, metric.title, true, metric.interval));
    let others = [pooled(AVERAGE_PRECISION, "Average precision", true, false)];
    let worst = WORST_GROUPS.map(|(name, title, _)| pooled(name, title, true, false));
    let title = "Accuracy, groups weighted as in training";
    let adjusted = [pooled(ADJUSTED_ACCURACY, title, true, false)];
    let averaged = chosen.of_pairs().filter_map(|metric| {
        let undefined = match metric.mean {
            Mean::UndefinedAsZero => Undefined::Zero,
            Mean::OverDefined => Undefined::LeftOut,
            Mean::NotTaken => return None,
        };
        Some(Word {
            name: metric.name,
            title: metric.title,
            of: Of::Pair,
            undefined,
            share: metric.share,
            interval: metric.interval,
            standard: metric.standard,
        })
    });
    let of_all_maps = chosen.of_all_maps().map(|metric| Word {
        standard: false,
        ..pooled(metric.name, metric.title, true, metric.interval)
    });
    let sweep = [pooled(IOU_SWEEP, "IoU at each threshold", true, false)];
    let counts = PAIR_COUNTS.iter();
    let counts = counts.map(|count| pooled(count.name, count.title, false, false));
    logits
        .chain(others)
        .chain(worst)
        .chain(adjusted)
        .chain(averaged)
        .chain(of_all_maps)
        .chain(sweep)
        .chain(counts)
        .collect()
}

/// Returns the name for people of each metric of any table, including those whose mean is not taken; of those of
/// maps the chosen ones.
pub(crate) fn titles(chosen: &Chosen) -> BTreeMap<&'static str, &'static str> {
    let words = words(chosen).into_iter();
    let words = words.map(|word| (word.name, word.title));
    let of_pairs = chosen.of_pairs();
    words
        .chain(of_pairs.map(|metric| (metric.name, metric.title)))
        .collect()
}

/// Returns the names of the metrics that are shares; of those of maps the chosen ones.
pub(crate) fn shares(chosen: &Chosen) -> Vec<&'static str> {
    let words = words(chosen).into_iter().filter(|word| word.share);
    words.map(|word| word.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `titles` has a name only once. So it has as many entries as there are metrics only if all names differ.
    #[test]
    fn no_name_stands_for_two_metrics() {
        let words = vocabulary();
        let sums = Chosen::ALL.of_pairs().filter(|m| m.mean == Mean::NotTaken);
        assert_eq!(titles(&Chosen::ALL).len(), words.len() + sums.count());
    }
}

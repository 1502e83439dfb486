//! Answers which metrics stand for EPG, F1 and others in data in which some classes can say nothing about guidance
//! (docs/SPEC.md B): those over the other, informative classes. The findings and the claims are made of these.

use crate::model::measure::{
    EPG, EPG_INFORMATIVE, F1, F1_INFORMATIVE, IOU, IOU_TUNED, IOU_TUNED_INFORMATIVE, ON_OBJECT,
    ON_OBJECT_INFORMATIVE,
};
use crate::model::results::Results;

/// Metrics over all classes, each with the one that stands for it. IoU at the fixed threshold has none of its own.
const OVER_INFORMATIVE: [(&str, &str); 5] = [
    (F1, F1_INFORMATIVE),
    (EPG, EPG_INFORMATIVE),
    (IOU, IOU_TUNED_INFORMATIVE),
    (IOU_TUNED, IOU_TUNED_INFORMATIVE),
    (ON_OBJECT, ON_OBJECT_INFORMATIVE),
];

/// Whether every class counts in the data of provenance hash `data`.
pub fn all_count(results: &Results, data: &str) -> bool {
    !results.uninformative.contains_key(data)
}

/// Returns the metric that stands for `metric` in the data of provenance hash `data`: `metric` itself where every class
/// counts.
pub fn metric<'a>(results: &Results, data: &str, metric: &'a str) -> &'a str {
    if all_count(results, data) {
        return metric;
    }
    let mut pairs = OVER_INFORMATIVE.iter();
    let found = pairs.find(|(over_all, _)| *over_all == metric);
    found.map_or(metric, |(_, over_informative)| *over_informative)
}

/// Returns words for the classes that count in the data of provenance hash `data`, e.g. `8 of 10 classes`; `None` where
/// every class does.
pub fn classes(results: &Results, data: &str) -> Option<String> {
    let left_out = results.uninformative.get(data)?.len();
    Some(match results.class_names.get(data) {
        Some(all) => format!(
            "{} of {} classes",
            all.len().saturating_sub(left_out),
            all.len()
        ),
        None => format!("all classes but {left_out}"),
    })
}

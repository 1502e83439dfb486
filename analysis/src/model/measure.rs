//! Defines [`Measure`], a metric as reports show it: its name in the tables, its title for people, and
//! whether it is printed in percent. The evaluator decides which metrics there are. It writes titles and
//! units into an evaluation's tables; those here are for older tables, which have none.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Micro F1 at logit ≥ 0.
pub const F1: &str = "f1";
/// Macro mean of per-class average precision.
pub const MAP: &str = "map";
/// Share of images whose greatest logit is that of their class (Waterbirds).
pub const ACCURACY: &str = "accuracy";
/// Energy-based pointing game: the share of positive attribution inside the mask (the boxes; in the reversed
/// task everything outside them).
pub const EPG: &str = "epg";
/// The share of positive attribution inside boxes of other classes and outside the class's own.
pub const EPG_OTHER: &str = "epg_other";
/// The share of positive attribution outside all boxes.
pub const EPG_BACKGROUND: &str = "epg_background";
/// F1 over the informative classes: without those on more than 95 % of the images, and those whose boxes cover more
/// than 70 % of their images on average (docs/SPEC.md B). Only data with such classes has it.
pub const F1_INFORMATIVE: &str = "f1_informative";
/// EPG over the pairs of the informative classes.
pub const EPG_INFORMATIVE: &str = "epg_informative";
/// Intersection over union of map and mask, at a fixed threshold on the map scaled to 0–1: 0.5 by default.
pub const IOU: &str = "iou";
/// Intersection over union at the threshold chosen on validation.
pub const IOU_TUNED: &str = "iou_tuned";
/// The same over the pairs of the informative classes.
pub const IOU_TUNED_INFORMATIVE: &str = "iou_tuned_informative";
/// Share of positive attribution in the class's segmentation.
pub const SEGMENT_EPG: &str = "segment_epg";
/// On-object EPG: positive attribution in the segmentation, divided by that in the mask.
pub const ON_OBJECT: &str = "on_object";
/// On-object EPG over the pairs of the informative classes.
pub const ON_OBJECT_INFORMATIVE: &str = "on_object_informative";

/// Names and titles of known metrics, in the order of columns; other metrics follow by name. A title is used
/// where the tables have none.
const TITLES: [(&str, &str); 8] = [
    (F1, "F1"),
    (MAP, "mAP"),
    (ACCURACY, "Accuracy"),
    (EPG, "EPG"),
    (IOU, "IoU"),
    (IOU_TUNED, "IoU, tuned"),
    (SEGMENT_EPG, "Segmentation EPG"),
    (ON_OBJECT, "On-object EPG"),
];

/// The metrics that have an exhibit of their own, `shares`, and no column in tables of runs.
const APART: [&str; 2] = [EPG_OTHER, EPG_BACKGROUND];

/// The metrics that are no scores but numbers of pairs (an image and a class on it) which EPG counts as 0
/// (docs/SPEC.md B), each with words for these pairs. Reports tell them in words, not in columns.
pub const COUNTS: [(&str, &str); 3] = [
    ("empty_mask", "whose boxes cover no cell of the mask"),
    ("no_positive", "whose map has no positive attribution"),
    (
        "under_constant",
        "whose positive attribution is in all below the constant 1e-7",
    ),
];

/// Whether a metric is one of [`COUNTS`].
pub fn is_count(metric: &str) -> bool {
    COUNTS.iter().any(|(count, _)| *count == metric)
}

/// Whether a metric is IoU at the threshold chosen on validation, for each run its own.
pub fn is_tuned(metric: &str) -> bool {
    [IOU_TUNED, IOU_TUNED_INFORMATIVE].contains(&metric)
}

/// A metric as people read it. Two of the same name are equal.
#[derive(Debug, Clone)]
pub struct Measure {
    name: String,
    title: String,
    /// Whether it is a fraction, printed in percent.
    is_share: bool,
}

impl Measure {
    /// Its name in the tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a fraction, printed in percent.
    pub fn is_share(&self) -> bool {
        self.is_share
    }

    /// Its title with its unit: the heading of a column, or of an axis.
    pub fn heading(&self) -> String {
        match self.is_share {
            true => format!("{} (%)", self.title),
            false => self.title.clone(),
        }
    }

    /// The sort key: position in [`TITLES`], then name.
    fn key(&self) -> (usize, &str) {
        let rank = TITLES.iter().position(|(known, _)| *known == self.name);
        (rank.unwrap_or(TITLES.len()), &self.name)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl PartialEq for Measure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Measure {}

impl PartialOrd for Measure {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Measure {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The titles and units of metrics, collected from the tables of all evaluations.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    /// Title by name.
    titles: BTreeMap<String, String>,
    /// The names of metrics printed in percent. `None` if no table names any: then all but the counts are.
    shares: Option<BTreeSet<String>>,
}

impl Measures {
    /// Adds the titles of a table and its names of metrics printed in percent. Titles of earlier tables stay.
    pub fn add(&mut self, titles: BTreeMap<String, String>, shares: Option<BTreeSet<String>>) {
        for (name, title) in titles {
            self.titles.entry(name).or_insert(title);
        }
        if let Some(shares) = shares {
            self.shares.get_or_insert_default().extend(shares);
        }
    }

    /// The metric of that name.
    pub fn get(&self, name: &str) -> Measure {
        let known = TITLES.iter().find(|(known, _)| *known == name);
        let title = self.titles.get(name).map(String::as_str);
        let title = title.or(known.map(|(_, title)| *title)).unwrap_or(name);
        Measure {
            name: name.to_owned(),
            title: title.to_owned(),
            is_share: match &self.shares {
                Some(shares) => shares.contains(name),
                None => !is_count(name),
            },
        }
    }

    /// Returns the metrics that tables of runs show in columns: those of `TITLES` and all of `found` but those
    /// of `APART`, each once.
    pub fn columns<'a>(&self, found: impl Iterator<Item = &'a str>) -> Vec<Measure> {
        let found = found.filter(|name| !APART.contains(name));
        let known = TITLES.iter().map(|(known, _)| *known);
        let all: BTreeSet<Measure> = known.chain(found).map(|name| self.get(name)).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tables_say_comes_before_what_is_known_here() {
        let titles = [("epg", "Pointing game"), ("pg", "Hits")];
        let titles = titles.map(|(name, title)| (name.to_owned(), title.to_owned()));
        let shares = ["f1", "epg"].map(str::to_owned);
        let mut measures = Measures::default();
        assert!(measures.get("new").is_share() && !measures.get("no_positive").is_share());
        measures.add(titles.into(), Some(shares.into()));
        for (name, heading) in [
            ("epg", "Pointing game (%)"),
            ("f1", "F1 (%)"),
            ("pg", "Hits"),
            ("other", "other"),
        ] {
            assert_eq!(measures.get(name).heading(), heading);
        }
        // The eight known metrics come first, EPG once; `EPG_OTHER` has no column.
        let columns = measures.columns(["pg", EPG, EPG_OTHER, "hits"].into_iter());
        let names: Vec<&str> = columns.iter().map(Measure::name).collect();
        assert_eq!(names[3], "epg");
        assert_eq!(names[8..], ["hits", "pg"]);
    }
}

//! Chooses the pairs (an image and a class on it) whose maps the report shows as the worst, median and best. They
//! are ranked by the EPG of a guided run's maps. To choose from are the pairs whose maps were kept in
//! `examples.parquet` both for this run and for its baseline. The evaluator keeps random pairs, the same in every
//! evaluation on a split.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::example::{Kept, Pair};
use crate::model::run_sets::plain;
use crate::model::setting::{Row, Setting, at_ends, preferred};

/// The most settings (runs trained and scored alike) for which pairs are chosen: each is a figure of the report.
/// This bound and the next are chosen for a short report.
const MOST_SETTINGS: usize = 4;
/// The most pairs of each kind: worst, median and best.
const MOST: usize = 2;

/// The pairs chosen for one setting.
#[derive(Debug, Clone)]
pub struct Extremes<'a> {
    /// The setting.
    pub setting: &'a Setting,
    /// The guided run that did best on validation, whose EPG decides.
    pub guided: &'a Row,
    /// The baseline that it is compared with.
    pub baseline: &'a Row,
    /// The pairs with the lowest EPG, the lowest first.
    pub worst: Vec<Pair>,
    /// Those in the middle.
    pub median: Vec<Pair>,
    /// Those with the highest EPG, the highest first.
    pub best: Vec<Pair>,
    /// The number of pairs that they are chosen from.
    pub n: usize,
}

impl Extremes<'_> {
    /// All pairs chosen.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        let Self {
            worst,
            median,
            best,
            ..
        } = self;
        worst.iter().chain(median).chain(best)
    }
}

/// Chooses pairs for each setting in which a guided run and its baseline have `kept` maps of at least three pairs
/// in common. If maps of some of these settings are of the input or the final layer, only such settings count.
pub fn extremes<'a>(settings: &'a [Setting], kept: &[Kept]) -> Vec<Extremes<'a>> {
    let found = settings.iter().filter_map(|setting| of(setting, kept));
    let found: Vec<Extremes> = found.collect();
    let with: Vec<&Setting> = found.iter().map(|extremes| extremes.setting).collect();
    let shown = at_ends(&with);
    let is_shown = |extremes: &Extremes| shown.iter().any(|s| std::ptr::eq(*s, extremes.setting));
    found
        .into_iter()
        .filter(is_shown)
        .take(MOST_SETTINGS)
        .collect()
}

/// Chooses the pairs of one setting; `None` without a guided run with a baseline, or with fewer than three pairs.
fn of<'a>(setting: &'a Setting, kept: &[Kept]) -> Option<Extremes<'a>> {
    let run_sets = plain(setting);
    let rows = run_sets
        .iter()
        .flat_map(|run_set| run_set.rows.iter().copied());
    let guided = preferred(rows)?;
    let baseline = setting.baseline_of(guided)?;
    let by = |row| kept.iter().filter(move |kept| kept.is_by(setting, row));
    let before: BTreeSet<&Pair> = by(baseline).map(|kept| &kept.pair).collect();
    let both = by(guided).filter(|kept| before.contains(&kept.pair));
    // By rank, so that pairs of the same EPG stay in random order: the sort below is stable.
    let after: BTreeMap<(i32, &Pair), f64> = both
        .map(|kept| ((kept.rank, &kept.pair), kept.epg.unwrap_or(0.0)))
        .collect();
    let mut pairs: Vec<(&Pair, f64)> = after
        .into_iter()
        .map(|((_, pair), epg)| (pair, epg))
        .collect();
    pairs.sort_by(|a, b| a.1.total_cmp(&b.1));
    let n = pairs.len();
    let each = MOST.min(n / 3);
    let chosen = |pairs: &[(&Pair, f64)]| pairs.iter().map(|(pair, _)| (*pair).clone()).collect();
    let middle = (n - each) / 2;
    let mut best: Vec<Pair> = chosen(&pairs[n - each..]);
    best.reverse();
    (each > 0).then(|| Extremes {
        setting,
        guided,
        baseline,
        worst: chosen(&pairs[..each]),
        median: chosen(&pairs[middle..middle + each]),
        best,
        n,
    })
}

//! Decides which runs (trainings) that differ in the seed alone are reported together, and computes the mean over
//! seeds of the difference between guided runs and their baselines, with the interval of
//! [`crate::statistics::effect`].

use std::collections::BTreeSet;

use crate::model::aligned::Aligned;
use crate::model::evidence::Evidence;
use crate::model::intervals::Interval;
use crate::model::run::Run;
use crate::model::seeds::{moments, repeats, tuned_on};
use crate::model::select::Rule;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::statistics::effect::{Effect, Measured};

/// Runs that differ in the seed alone, as they are reported.
#[derive(Debug, Clone)]
pub struct OverSeeds<'a> {
    /// The runs.
    pub rows: Vec<&'a Row>,
    /// The seeds on which λ (the weight of the localization loss) was chosen: they have runs with more λ than the
    /// others, and are left out of `rows`.
    pub tuned_on: BTreeSet<i64>,
}

/// A metric before and after guidance, and the difference; fractions, means over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The baselines' value.
    pub before: f64,
    /// The guided runs' value.
    pub after: f64,
    /// After minus before.
    pub difference: f64,
    /// Its 95 % interval: over images where there is one seed, else over seeds and images. `None` where replicates
    /// (values over bootstrap resamples) are missing.
    pub interval: Option<Interval>,
}

impl<'a> OverSeeds<'a> {
    /// Returns the guided runs in `setting` that did best on validation, together over seeds. Only runs with a
    /// baseline count, and of the groups of runs that differ in the seed alone, only those with the most seeds.
    /// Groups in which every run lost at most 1 point of its baseline's validation F1 come first; among them the
    /// highest mean validation EPG decides. If there is no such group, the highest mean validation F1 decides.
    /// `runs` are all runs, also those that were not scored. `None` without a run that has a baseline.
    pub fn preferred(runs: &[Run], setting: &'a Setting) -> Option<Self> {
        Self::among(runs, setting.guided())
    }

    /// The same among `rows`, guided runs of one setting.
    pub fn among(runs: &[Run], rows: impl Iterator<Item = &'a Row>) -> Option<Self> {
        let compared = rows.filter(|row| row.baseline.is_some());
        let candidates = repeats(compared).into_iter();
        let candidates = candidates.filter_map(|rows| {
            let tuned_on = tuned_on(runs, &rows[0].run.configuration);
            let is_left = |row: &&Row| !tuned_on.contains(&row.run.seed);
            let rows: Vec<&Row> = rows.into_iter().filter(is_left).collect();
            (!rows.is_empty()).then_some(Self { rows, tuned_on })
        });
        let candidates: Vec<Self> = candidates.collect();
        let most = candidates.iter().map(|runs| runs.rows.len()).max()?;
        let candidates = candidates.into_iter();
        candidates
            .filter(|runs| runs.rows.len() == most)
            .max_by(|a, b| {
                let ((a_kept, a), (b_kept, b)) = (a.on_validation(), b.on_validation());
                a_kept.cmp(&b_kept).then(a.total_cmp(&b))
            })
    }

    /// Returns (true, mean validation EPG) if all runs kept validation F1 within the tolerance, else (false, mean
    /// validation F1).
    fn on_validation(&self) -> (bool, f64) {
        let is_kept = |row: &&Row| row.selection.rule == Rule::HighestEpg;
        let all_kept = self.rows.iter().all(is_kept);
        let values = self.rows.iter().map(|row| match all_kept {
            true => row.selection.val_epg,
            false => row.selection.val_f1,
        });
        let values: Vec<f64> = values.collect();
        let mean = moments(&values).map_or(f64::NEG_INFINITY, |found| found.mean);
        (all_kept, mean)
    }

    /// The seeds, ascending.
    pub fn seeds(&self) -> BTreeSet<i64> {
        self.rows.iter().map(|row| row.run.seed).collect()
    }

    /// Returns the change of a metric over `part` of the test images; `None` where a run or its baseline lacks it.
    pub fn difference(
        &self,
        evidence: &Evidence,
        setting: &Setting,
        part: Part,
        metric: &str,
    ) -> Option<Difference> {
        let mut befores = Vec::new();
        let mut afters = Vec::new();
        let mut differences = Vec::new();
        // The smallest number of images or pairs that a value is over.
        let mut n = usize::MAX;
        let mut aligned = Aligned::default();
        for row in &self.rows {
            let baseline = setting.baseline_of(row)?;
            let cell = row.cell(part, metric)?;
            let mut resampled = |row: &Row| {
                let subject = setting.subject(&row.run, row.selection.epoch, part);
                aligned.take(evidence.results.resampled(&subject, metric))
            };
            let before = Measured {
                value: baseline.cell(part, metric)?.value?,
                resampled: resampled(baseline),
            };
            let after = Measured {
                value: cell.value?,
                resampled: resampled(row),
            };
            let mut difference = after.minus(&before);
            difference.value = cell.difference?;
            befores.push(before.value);
            afters.push(after.value);
            differences.push(difference);
            n = n.min(cell.n as usize);
        }
        let effect = Effect::of(&differences, n)?;
        let mean = |values: &[f64]| moments(values).map(|found| found.mean);
        Some(Difference {
            before: mean(&befores)?,
            after: mean(&afters)?,
            difference: effect.mean,
            interval: effect.interval,
        })
    }
}

//! Compares runs for the rules of claims, and gives each difference a bootstrap interval. [`chosen`] compares
//! checkpoints that were chosen on validation, [`fronts`] whole Pareto fronts.
//!
//! A setting holds runs that are trained and scored alike; a row is one run in it; a run set has the runs of one
//! configuration, which differ in λ (the weight of the localization loss) and seed alone. A replicate is a
//! metric's value over one bootstrap resample of the test images, by the resample's number.

use std::collections::BTreeSet;

use crate::claims::claim::{Outcome, Trial};
use crate::model::evidence::Evidence;
use crate::model::front::area;
use crate::model::intervals::{self, Interval, Replicates, TAIL};
use crate::model::measure::F1;
use crate::model::run_sets::RunSet;
use crate::model::setting::{Checkpoint, Row, Setting};
use crate::model::subject::Part;

/// Fronts are compared where F1 is at most this far from the baseline's: 5 percentage points, our choice.
pub(super) const ROOM: f64 = 0.05;

/// Returns the bootstrap replicates of a metric of the selected checkpoint of the run `row` in `setting`.
pub(super) fn replicates<'a>(
    evidence: &Evidence<'a>,
    setting: &Setting,
    row: &Row,
    metric: &str,
) -> Option<&'a Replicates> {
    let subject = setting.subject(&row.run, row.selection.epoch, Part::All);
    evidence.results.resampled(&subject, metric)
}

/// Applies `of` to a metric of chosen checkpoints, each in its setting: returns its value on the test images, and
/// the 95 % interval of its values over all resamples of them. `None` where a checkpoint lacks the metric,
/// or where the checkpoints were tested on different images.
pub(super) fn chosen<const N: usize>(
    evidence: &Evidence,
    metric: &str,
    rows: [(&Setting, &Row); N],
    of: impl Fn([f64; N]) -> f64,
) -> Option<(f64, Option<Interval>)> {
    // The hashes of the data folders, which decide the images.
    let images: BTreeSet<&str> = rows
        .iter()
        .map(|(_, row)| row.run.data_inputs.as_str())
        .collect();
    if images.len() > 1 {
        return None;
    }
    let mut values = [0.0; N];
    let mut resampled: [Option<&Replicates>; N] = [None; N];
    for (index, (setting, row)) in rows.into_iter().enumerate() {
        values[index] = row.cell(Part::All, metric)?.value?;
        resampled[index] = replicates(evidence, setting, row, metric);
    }
    // A replicate's number stands for the same resample of the images in every run.
    let numbers = resampled[0]
        .into_iter()
        .flat_map(|replicates| replicates.keys());
    let in_resample = |number: &i32| {
        let mut values = [0.0; N];
        for (value, replicates) in values.iter_mut().zip(resampled) {
            *value = *replicates?.get(number)?;
        }
        Some(of(values))
    };
    let interval = intervals::between(numbers.filter_map(in_resample).collect(), TAIL);
    Some((of(values), interval))
}

/// Makes the trial of the claim that a difference is above 0.
pub(super) fn trial(
    place: String,
    compared: String,
    (value, interval): (f64, Option<Interval>),
) -> Trial {
    Trial {
        place,
        compared,
        value: Some(value),
        interval,
        outcome: Outcome::of(interval),
    }
}

/// A checkpoint as a point: its F1 and another metric, as measured and in every resample.
struct Point<'a> {
    /// F1 and the metric on the test images.
    measured: (f64, f64),
    /// Replicates of F1 and of the metric; `None` where one of them has none.
    resampled: Option<(&'a Replicates, &'a Replicates)>,
}

impl<'a> Point<'a> {
    fn of(
        evidence: &Evidence<'a>,
        setting: &Setting,
        row: &Row,
        checkpoint: &Checkpoint,
        metric: &str,
    ) -> Option<Self> {
        let value = |metric: &str| checkpoint.cell(Part::All, metric)?.value;
        let subject = setting.subject(&row.run, checkpoint.epoch, Part::All);
        let resampled = evidence.results.replicates.get(&subject);
        Some(Self {
            measured: (value(F1)?, value(metric)?),
            resampled: resampled.and_then(|of| Some((of.get(F1)?, of.get(metric)?))),
        })
    }

    /// The point in the resample of that number.
    fn in_resample(&self, number: i32) -> Option<(f64, f64)> {
        let (f1, value) = self.resampled?;
        Some((*f1.get(&number)?, *value.get(&number)?))
    }
}

/// Returns the height of the front of `ours` above that of `theirs`, in `metric` against F1, and its paired
/// bootstrap interval.
///
/// A front's height is its mean gain over the baseline's value in the range of F1 from 5 points below
/// to 5 points above the baseline's: the area between the two there, divided by those 10 points. Where
/// no point reaches an F1, the gain is 0. In every resample of the images all points and the baseline
/// move together. Runs with different baselines (of different seeds) have separate fronts; fronts of
/// the same baseline are compared, and the mean of the differences is returned. `None` where `ours` and
/// `theirs` have no baseline in common, or where a point or the baseline lacks F1 or the metric.
pub(super) fn fronts(
    evidence: &Evidence,
    setting: &Setting,
    metric: &str,
    [ours, theirs]: [&RunSet; 2],
) -> Option<(f64, Option<Interval>)> {
    let baselines = |run_set: &RunSet| -> BTreeSet<String> {
        let rows = run_set.rows.iter();
        rows.filter_map(|row| row.baseline.clone()).collect()
    };
    let points = |run_set: &RunSet, baseline: &str| -> Option<Vec<Point>> {
        let rows = run_set
            .rows
            .iter()
            .filter(|row| row.baseline.as_deref() == Some(baseline));
        rows.flat_map(|row| {
            row.checkpoints
                .iter()
                .map(move |checkpoint| (row, checkpoint))
        })
        .map(|(row, checkpoint)| Point::of(evidence, setting, row, checkpoint, metric))
        .collect()
    };
    // For each common baseline: its point, and the points of `ours` and `theirs`.
    let mut pairs: Vec<(Point, [Vec<Point>; 2])> = Vec::new();
    for id in &baselines(ours) & &baselines(theirs) {
        let row = setting.rows.iter().find(|row| row.run.run_id == id)?;
        let baseline = Point::of(evidence, setting, row, row.selected()?, metric)?;
        pairs.push((baseline, [points(ours, &id)?, points(theirs, &id)?]));
    }
    let (first, _) = pairs.first()?;
    // The difference of the heights, where `at` tells a point's place: as measured, or in a resample.
    let difference = |at: &dyn Fn(&Point) -> Option<(f64, f64)>| -> Option<f64> {
        let mut sum = 0.0;
        for (baseline, [ours, theirs]) in &pairs {
            let (f1, value) = at(baseline)?;
            // Points with an F1 above the range are moved to its upper end: they reach every F1 in it.
            let height = |points: &[Point]| -> Option<f64> {
                let points: Option<Vec<(f64, f64)>> = points.iter().map(at).collect();
                let within = points?.into_iter().map(|(x, y)| (x.min(f1 + ROOM), y));
                let within: Vec<(f64, f64)> = within.collect();
                Some(area(&within, (f1 - ROOM, value)) / (2.0 * ROOM))
            };
            sum += height(ours)? - height(theirs)?;
        }
        Some(sum / pairs.len() as f64)
    };
    let measured = difference(&|point| Some(point.measured))?;
    let numbers = first.resampled.into_iter().flat_map(|(f1, _)| f1.keys());
    let resampled = numbers.filter_map(|number| difference(&|point| point.in_resample(*number)));
    Some((measured, intervals::between(resampled.collect(), TAIL)))
}

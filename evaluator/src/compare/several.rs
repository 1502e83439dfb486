//! Compares two sides of which at least one has several evaluations: the same run with other seeds. The values of a
//! metric are means over them.

use std::collections::BTreeMap;

use super::over_seeds::{Seed, interval, mean};
use super::paired::{Compared, Paired, Test};
use super::sides::{Replicates, percentiles};
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, METRICS};

/// The evaluations of a side, with their replicates.
pub(super) struct Several<'a> {
    evaluations: &'a [Evaluation],
    replicates: Vec<Replicates>,
}

impl<'a> Several<'a> {
    /// Reads their replicates.
    pub(super) fn read(evaluations: &'a [Evaluation]) -> Result<Self> {
        let replicates: Result<Vec<Replicates>> =
            evaluations.iter().map(Replicates::read).collect();
        Ok(Self {
            evaluations,
            replicates: replicates?,
        })
    }

    /// The values of a metric over a group, and the replicates in the order of `numbers`, which are those of the first
    /// replicates where there are none yet. `None` where an evaluation has no value.
    fn seeds(
        &self,
        group_id: Option<i32>,
        metric: &str,
        numbers: &mut Vec<i32>,
    ) -> Option<Vec<Seed>> {
        let each = self.evaluations.iter().zip(&self.replicates);
        let seed = |(evaluation, replicates): (&Evaluation, &Replicates)| {
            let mut rows = evaluation.metric(metric);
            let value = rows.find(|row| row.group_id == group_id)?.value?;
            let none = BTreeMap::new();
            let replicates = replicates.of(group_id, metric).unwrap_or(&none);
            if numbers.is_empty() {
                numbers.extend(replicates.keys());
            }
            let resampled = numbers.iter();
            let resampled = resampled.map(|number| replicates.get(number).copied());
            let resampled = resampled.map(|value| value.unwrap_or(f64::NAN));
            Some((value, resampled.collect::<Vec<f64>>()))
        };
        each.map(seed).collect()
    }
}

/// Returns the row of `metric` over a group (`None`: over all images); no row where an evaluation lacks the metric, or
/// its value is undefined. Where a side has one evaluation the interval is over images alone.
///
/// # Errors
/// When evaluations are over other numbers of images or pairs.
pub(super) fn row(
    [a, b]: [&Several; 2],
    group_id: Option<i32>,
    metric: Compared,
) -> Result<Option<Paired>> {
    let mut numbers = Vec::new();
    let seeds = [a, b].map(|side| side.seeds(group_id, metric.name(), &mut numbers));
    let [Some(in_a), Some(in_b)] = seeds else {
        return Ok(None);
    };
    let n = same_number([a, b], group_id, metric.name())?;
    let (interval, test) = match in_a.len() == 1 || in_b.len() == 1 {
        true => {
            let resampled = |side: &[Seed], index: usize| {
                side.iter().map(|(_, values)| values[index]).sum::<f64>() / side.len() as f64
            };
            let differences =
                (0..numbers.len()).map(|index| resampled(&in_b, index) - resampled(&in_a, index));
            let differences = differences.filter(|difference| difference.is_finite());
            (percentiles(&differences.collect::<Vec<f64>>()), None)
        }
        false => {
            let found = interval(&in_a, &in_b, n);
            let test = found.map(|found| (Test::Student, found.p_value));
            (found.map(|found| found.interval), test)
        }
    };
    Ok(Some(Paired {
        group_id,
        metric: metric.name(),
        a: mean(&in_a),
        b: mean(&in_b),
        interval,
        test,
        n,
    }))
}

/// The number of images or pairs that all evaluations' values are over.
fn same_number(sides: [&Several; 2], group_id: Option<i32>, metric: &str) -> Result<usize> {
    let mut first: Option<(i64, &Evaluation)> = None;
    for evaluation in sides.into_iter().flat_map(|side| side.evaluations) {
        let mut rows = evaluation.metric(metric);
        let Some(row) = rows.find(|row| row.group_id == group_id) else {
            continue;
        };
        let (n, of) = *first.get_or_insert((row.n, evaluation));
        if n != row.n {
            let expected = format!("{n} as in {}", of.path(&METRICS).display());
            let path = evaluation.path(&METRICS);
            return Err(Error::problem(
                &path,
                format!("n of {metric}"),
                row.n.to_string(),
                expected,
            ));
        }
    }
    Ok(first.map_or(0, |(n, _)| n as usize))
}

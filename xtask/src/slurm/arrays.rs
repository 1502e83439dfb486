//! Which jobs become one array, and what an array waits for. Nothing is submitted here.

use std::fmt::Write;

use crate::plan::Job;

/// Something that must have ended before an array begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before {
    /// A job that is submitted with it: an index into the list of jobs.
    Job(usize),
    /// A task that Slurm has already, by its id.
    Task(String),
}

/// Jobs that wait for the same and ask for the same.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    /// Indices into the list of jobs; a task's index is its place here.
    pub(super) jobs: Vec<usize>,
    /// Sorted, each once.
    pub(super) before: Vec<Before>,
    pub(super) needs_device: bool,
}

/// The arrays for those of `jobs` that `before` has an entry for, none longer than `longest`. Arrays
/// come after those they wait for.
pub(super) fn arrays(jobs: &[Job], before: &[Option<Vec<Before>>], longest: usize) -> Vec<Array> {
    let mut arrays: Vec<Array> = Vec::new();
    for (index, (job, before)) in jobs.iter().zip(before).enumerate() {
        let Some(before) = before else { continue };
        let mut before = before.clone();
        before.sort();
        before.dedup();
        let found = arrays.iter_mut().find(|array| {
            array.before == before
                && array.needs_device == job.needs_device
                && array.jobs.len() < longest
        });
        match found {
            Some(array) => array.jobs.push(index),
            None => arrays.push(Array {
                jobs: vec![index],
                before,
                needs_device: job.needs_device,
            }),
        }
    }
    arrays
}

/// sbatch's `--dependency` for an array that waits for `before`; `None` where it waits for nothing.
/// `submitted` are the ids of the arrays before it: one of which all tasks are waited for is named as
/// a whole, which keeps the line short for a report that waits for hundreds.
///
/// `afterany`, not `afterok`: after a failure, `afterok` leaves everything behind it in the queue for
/// ever, the report over what did succeed included. A step that misses what it needs says so and
/// fails at once instead.
pub(super) fn dependency(before: &[Before], arrays: &[Array], submitted: &[u64]) -> Option<String> {
    let waits_for = |job: &usize| before.binary_search(&Before::Job(*job)).is_ok();
    let mut list = String::new();
    for (array, id) in arrays.iter().zip(submitted) {
        if array.jobs.iter().all(waits_for) {
            let _ = write!(list, ":{id}");
            continue;
        }
        for (index, _) in array
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| waits_for(job))
        {
            let _ = write!(list, ":{id}_{index}");
        }
    }
    for task in before {
        if let Before::Task(id) = task {
            let _ = write!(list, ":{id}");
        }
    }
    (!list.is_empty()).then(|| format!("--dependency=afterany{list}"))
}

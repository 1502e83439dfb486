//! Groups jobs into Slurm's job arrays, and computes what each array waits for. A job is a step of the plan;
//! in Slurm it becomes a task, which is one element of an array. Nothing is submitted here.

use std::fmt::Write;

use crate::drive::plan::Job;

/// What must have ended before an array begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before {
    /// A job of the same submission: an index into the list of jobs.
    Job(usize),
    /// The id of a task of an earlier submission.
    Task(String),
}

/// Jobs that wait for the same jobs and ask for the same resources.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    /// Indices into the list of jobs. The position in this list is the task's index in Slurm.
    pub(super) jobs: Vec<usize>,
    /// What it waits for, sorted, each once.
    pub(super) before: Vec<Before>,
    /// Whether its jobs train or explain, and so ask for a GPU.
    pub(super) needs_device: bool,
}

/// The arrays of those `jobs` whose entry in `before` is not None; the others are not submitted. No array is
/// longer than `longest`, and each comes after the arrays that it waits for.
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

/// sbatch's `--dependency` for an array that waits for `before`; None where it waits for nothing. `submitted`
/// has Slurm's ids of the arrays that are submitted so far, in the order of `arrays`. Where `before` has all tasks
/// of an array, the option names the array instead of each task: it stays short even for a report that waits for
/// hundreds of tasks.
///
/// It uses `afterany`, not `afterok`: after a failure, `afterok` would leave all later jobs in the
/// queue for ever, including the report over the jobs that succeeded. Instead, a step whose inputs are
/// missing fails at once.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A job with this key.
    fn job(key: &str, needs_device: bool) -> Job {
        Job {
            key: key.to_owned(),
            after: Vec::new(),
            args: Vec::new(),
            minutes: 0.0,
            needs_device,
        }
    }

    #[test]
    fn arrays_are_of_one_kind_and_as_long_as_may_be() {
        let job = |key: &str| job(key, !key.starts_with("data"));
        let jobs = ["data", "a/0", "a/1", "a/2", "b/0", "c/0", "c/1"].map(job);
        let on = |jobs: &[usize]| Some(jobs.iter().copied().map(Before::Job).collect::<Vec<_>>());
        let queued = || Before::Task("7_3".to_owned());
        // What each of `jobs` waits for, as indices into `jobs`. None: "b/0" is not submitted.
        let mut before = [
            on(&[]),
            on(&[0]),
            on(&[0]),
            on(&[0]),
            None,
            on(&[2, 1, 2]),
            on(&[1, 2]),
        ];
        before[5].as_mut().unwrap().push(queued());
        let arrays = arrays(&jobs, &before, 2); // at most 2 tasks an array
        let members: Vec<&[usize]> = arrays.iter().map(|array| &array.jobs[..]).collect();
        assert_eq!(members, [&[0][..], &[1, 2], &[3], &[5], &[6]]);

        let line = |array: &Array, submitted| dependency(&array.before, &arrays, submitted);
        assert_eq!(line(&arrays[0], &[]), None);
        let expected = "--dependency=afterany:10";
        assert_eq!(line(&arrays[2], &[10, 11]).unwrap(), expected);
        // An array that is waited for as a whole goes by its id. Part of an array, and a task of an earlier
        // submission, go by the ids of tasks.
        let expected = "--dependency=afterany:11:7_3";
        assert_eq!(line(&arrays[3], &[10, 11, 12]).unwrap(), expected);
        let before = [Before::Job(0), Before::Job(2), Before::Job(6)];
        let line = dependency(&before, &arrays, &[10, 11, 12, 13, 14]);
        assert_eq!(line.unwrap(), "--dependency=afterany:10:11_1:14");
    }

    #[test]
    fn what_waits_for_the_same_but_needs_no_device_is_another_array() {
        let jobs = [job("a/0", true), job("report", false)];
        let arrays = arrays(&jobs, &[Some(Vec::new()), Some(Vec::new())], 1000);
        assert_eq!(arrays.len(), 2);
        assert!(arrays[0].needs_device && !arrays[1].needs_device);
    }
}

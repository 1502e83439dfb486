//! Submits the jobs of a reproduction (each does one step of its plan) to Slurm as job arrays, except those that
//! are in Slurm's queue already.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::arrays::{self, Array, Before};
use super::client::{Client, Task};
use super::record::Record;
use super::script;
use crate::drive::plan::Job;
use crate::drive::recipe;
use crate::system::files;

/// How many seconds before a job's time limit Slurm sends SIGUSR2. The number is chosen: the time must suffice to
/// finish a training step and to save.
const WARNING: u32 = 120;

/// Options of the command line, which win over the recipe's `[slurm]`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "With --executor slurm")]
pub(crate) struct Flags {
    /// Partition of the cluster [default: the recipe's, else the cluster's]
    #[arg(long, value_name = "NAME", requires = "executor")]
    partition: Option<String>,
    /// GPUs of a job that trains or explains, 0 on a cluster of CPUs [default: the recipe's, else 1]
    #[arg(long, value_name = "N", requires = "executor")]
    gpus: Option<u32>,
    /// Time limit of a job, as sbatch takes it [default: the recipe's, else the partition's]
    #[arg(long, requires = "executor")]
    time: Option<String>,
    /// A further option of sbatch, e.g. --sbatch=--account=vision; may be repeated
    #[arg(
        long,
        value_name = "OPTION",
        requires = "executor",
        allow_hyphen_values = true
    )]
    sbatch: Vec<String>,
    /// Stay until the last job has ended
    #[arg(long, requires = "executor")]
    pub(crate) wait: bool,
}

impl Flags {
    /// The recipe's options, overridden by these.
    pub(crate) fn over(&self, recipe: &recipe::Slurm) -> recipe::Slurm {
        let mut extra = recipe.extra.clone();
        extra.extend(self.sbatch.iter().cloned());
        recipe::Slurm {
            partition: self.partition.clone().or(recipe.partition.clone()),
            gpus: self.gpus.unwrap_or(recipe.gpus),
            time: self.time.clone().or(recipe.time.clone()),
            extra,
        }
    }
}

/// The jobs of one reproduction in Slurm's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The out folder of the reproduction, absolute.
    pub(super) out: PathBuf,
    pub(super) client: Client,
}

/// The result of a submission.
#[derive(Debug, PartialEq)]
pub(crate) struct Submission {
    /// The number of steps submitted.
    pub(crate) n_new: usize,
    /// The number of steps that were waiting or running already.
    pub(crate) n_kept: usize,
}

impl Queue {
    /// The queue of the reproduction that is written to `out`.
    pub(crate) fn of(out: &Path) -> Result<Queue> {
        Ok(Queue {
            out: std::path::absolute(out)?,
            client: Client::default(),
        })
    }

    /// Fails where this machine has no Slurm to submit to.
    pub(crate) fn require_slurm(&self) -> Result<()> {
        self.client.require()
    }

    /// Submits `jobs`, none of which is done, as job arrays whose tasks run `program step …`. At most `at_once`
    /// tasks of an array run at a time (None: no limit). `request` has the options for Slurm.
    ///
    /// A job that Slurm has already is left alone, unless a job that it waits for is submitted anew. Then it
    /// is submitted again. If it was still waiting, its former task is cancelled; if it was running, the new
    /// task waits for the former one's end.
    pub(crate) fn submit(
        &self,
        jobs: &[Job],
        program: &Path,
        request: &recipe::Slurm,
        at_once: Option<u32>,
    ) -> Result<Submission> {
        let out = script::utf8(&self.out)?;
        if let Some(found) = out.chars().find(|c| ['\\', '\n'].contains(c)) {
            bail!("--out: {out}: found {found:?}, expected a path that sbatch can take");
        }
        let tasks = self.client.tasks(&self.out)?;
        let mut record = Record::read(&self.out)?;
        record.forget_former(&tasks);
        let before = self.prerequisites(jobs, &record, &tasks)?;
        let arrays = arrays::arrays(jobs, &before, self.client.max_array_size()?);
        let mut submitted = Vec::new();
        for array in &arrays {
            let members: Vec<&Job> = array.jobs.iter().map(|&job| &jobs[job]).collect();
            let name = record.add(members.iter().map(|job| job.key.clone()).collect());
            let file = self.out.join("slurm").join(format!("{name}.sh"));
            files::write(&file, &script::script(program, members)?)?;
            let mut options = self.options(&name, array, request, at_once)?;
            options.extend(arrays::dependency(&array.before, &arrays, &submitted));
            options.extend(request.extra.iter().cloned());
            record.write(&self.out)?;
            let id = self.client.submit(&options, &file)?;
            record.submitted(id);
            record.write(&self.out)?;
            submitted.push(id);
        }
        let n_new = arrays.iter().map(|array| array.jobs.len()).sum();
        Ok(Submission {
            n_new,
            n_kept: jobs.len() - n_new,
        })
    }

    /// What each job waits for; None for a job that stays as it is in Slurm. Cancels the waiting tasks of
    /// jobs that are to be submitted again.
    fn prerequisites(
        &self,
        jobs: &[Job],
        record: &Record,
        tasks: &[(String, Task)],
    ) -> Result<Vec<Option<Vec<Before>>>> {
        let task_ids = record.task_ids();
        let queued = |job: &Job| {
            let task = task_ids.get(job.key.as_str())?.task(tasks)?;
            (!task.has_ended()).then(|| task.id.clone())
        };
        let queued: Vec<Option<String>> = jobs.iter().map(queued).collect();
        let mut all: Vec<Option<Vec<Before>>> = Vec::new();
        // The tasks of jobs that are submitted again although Slurm has them.
        let mut outdated = Vec::new();
        for (job, own) in jobs.iter().zip(&queued) {
            let is_new = |&job: &usize| all[job].is_some();
            if own.is_some() && !job.after.iter().any(is_new) {
                all.push(None);
                continue;
            }
            let other = |&job: &usize| match (&all[job], &queued[job]) {
                (None, Some(id)) => Before::Task(id.clone()),
                _ => Before::Job(job),
            };
            let mut before: Vec<Before> = job.after.iter().map(other).collect();
            if let Some(id) = own {
                before.push(Before::Task(id.clone()));
                outdated.push(id.clone());
            }
            all.push(Some(before));
        }
        if !outdated.is_empty() {
            self.client.cancel(&["--state=PENDING"], &outdated)?;
        }
        Ok(all)
    }

    /// The options of sbatch for an array called `name`, but for its dependency.
    fn options(
        &self,
        name: &str,
        array: &Array,
        request: &recipe::Slurm,
        at_once: Option<u32>,
    ) -> Result<Vec<String>> {
        let out = script::utf8(&self.out)?;
        let last = array.jobs.len() - 1;
        let limit = at_once.map_or_else(String::new, |n| format!("%{n}"));
        let mut options = vec![
            format!("--job-name={name}"),
            format!("--array=0-{last}{limit}"),
            "--requeue".to_owned(),
            // B: the signal goes to the batch script alone.
            format!("--signal=B:USR2@{WARNING}"),
            "--open-mode=append".to_owned(),
            // sbatch takes % as the beginning of a pattern, such as %a.
            format!("--output={}/slurm/{name}-%a.out", out.replace('%', "%%")),
            format!("--chdir={out}"),
        ];
        options.extend(
            request
                .partition
                .iter()
                .map(|name| format!("--partition={name}")),
        );
        options.extend(request.time.iter().map(|time| format!("--time={time}")));
        if array.needs_device && request.gpus > 0 {
            options.push(format!("--gres=gpu:{}", request.gpus));
        }
        Ok(options)
    }
}

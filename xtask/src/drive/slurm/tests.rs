//! Tests the submission to Slurm on a real cluster that each test starts (`test_cluster`). A shell script,
//! `stand_in.sh`, takes the place of `xtask step`; it does a few units of work and saves after each. Tested
//! are the order of jobs, failures, what happens to a job that is stopped, and that nothing is submitted
//! twice.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::client::Client;
use super::queue::{Queue, Submission};
use super::record::Record;
use super::status::State;
use super::test_cluster::Cluster;
use crate::drive::plan::Job;
use crate::drive::recipe;
use crate::system::paths;

/// A cluster, and the out folder of a reproduction on it.
struct Sandbox {
    cluster: Cluster,
    queue: Queue,
    /// The out folder. Its name has characters that shells and sbatch would misread.
    out: PathBuf,
    /// It is the last field, so that it is removed after the cluster and its jobs.
    _folder: tempfile::TempDir,
}

impl Sandbox {
    /// Starts a cluster; None, and a line that `test` is skipped, where Slurm is not installed.
    fn new(test: &str) -> Option<Sandbox> {
        let cluster = Cluster::start(test)?;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a b%a'$(exit 9);");
        std::fs::create_dir(&out).unwrap();
        let queue = Queue {
            out: out.clone(),
            client: client(&cluster),
        };
        Some(Sandbox {
            cluster,
            queue,
            out,
            _folder: folder,
        })
    }

    /// Submits jobs whose program is the stand-in.
    fn submit(&self, jobs: &[Job]) -> Submission {
        let stand_in = paths::root().join("xtask/src/drive/slurm/stand_in.sh");
        let request = recipe::Slurm::default();
        self.queue.submit(jobs, &stand_in, &request, None).unwrap()
    }

    /// A job with this key that waits for the jobs of these indices, and needs a device unless it is data or
    /// the report.
    fn job(&self, key: &str, after: &[usize]) -> Job {
        let out = self.out.display().to_string();
        Job {
            key: key.to_owned(),
            after: after.to_vec(),
            args: vec!["--out".to_owned(), out, key.to_owned()],
            minutes: 1.0,
            needs_device: !["data", "report"].contains(&key),
        }
    }

    /// Writes a file into the out folder. The stand-in fails for the keys in the file
    /// `fail`; a training of the stand-in waits after its third unit until there is a file `go`.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.out.join(name), text).unwrap();
    }

    /// The lines of a file in the out folder.
    fn lines(&self, name: &str) -> Vec<String> {
        lines(&self.out.join(name))
    }

    /// The units of work that the training steps did, sorted.
    fn units(&self) -> Vec<String> {
        let mut units = self.lines("units");
        units.sort();
        units
    }

    /// Waits until the file `name` has the line `line` `n` times; panics when no job is left to write it.
    fn until(&mut self, name: &str, line: &str, n: usize) {
        let file = self.out.join(name);
        let queue = self.queue();
        self.cluster.until(&format!("{n} × {line} in {name}"), |_| {
            let status = queue.status().unwrap();
            let is_there = lines(&file).iter().filter(|found| *found == line).count() >= n;
            assert!(
                is_there || status.is_active(),
                "{line}: {}",
                status.counts()
            );
            is_there
        });
    }

    /// A second [`Queue`] of the same reproduction.
    fn queue(&self) -> Queue {
        Queue {
            out: self.out.clone(),
            client: client(&self.cluster),
        }
    }

    /// Waits until no job waits or runs.
    fn until_idle(&mut self) {
        let queue = self.queue();
        let is_idle = |_: &_| !queue.status().unwrap().is_active();
        self.cluster.until("the last job has ended", is_idle);
    }

    /// The state of the step `key`.
    fn state(&self, key: &str) -> State {
        let status = self.queue.status().unwrap();
        status.of(key).unwrap().state.clone()
    }

    /// Waits until the step `key`, as last submitted, has printed `line`.
    fn until_said(&mut self, key: &str, line: &str) {
        let output = self.queue.status().unwrap().of(key).unwrap().output.clone();
        let name = output.strip_prefix(&self.out).unwrap().to_str().unwrap();
        self.until(name, line, 1);
    }

    /// Slurm's id of the task of the step `key`, as last submitted.
    fn task(&self, key: &str) -> String {
        let record = Record::read(&self.out).unwrap();
        let task_id = &record.task_ids()[key];
        format!("{}_{}", task_id.id.unwrap(), task_id.index)
    }
}

/// A client of this cluster.
fn client(cluster: &Cluster) -> Client {
    Client::with("SLURM_CONF", &cluster.configuration())
}

/// The lines of a file; none where it does not exist.
fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The six units of each of `n_runs` runs, each once: what [`Sandbox::units`] must give when none was lost
/// or done twice.
fn all_units(n_runs: usize) -> Vec<String> {
    let units = |run| (1..=6).map(move |unit| format!("guided/{run} {unit}"));
    (0..n_runs).flat_map(units).collect()
}

#[test]
fn a_plan_runs_in_order_and_a_failure_stops_nothing_else() {
    let test = "a_plan_runs_in_order_and_a_failure_stops_nothing_else";
    let Some(mut sandbox) = Sandbox::new(test) else {
        return;
    };
    let jobs = [
        sandbox.job("data", &[]),
        sandbox.job("baseline/0", &[0]),
        sandbox.job("baseline/1", &[0]),
        sandbox.job("guided/0", &[1]),
        sandbox.job("guided/1", &[2]),
        sandbox.job("guided/2", &[1]),
        sandbox.job("score/0", &[3, 5]),
        sandbox.job("score/1", &[4]),
        sandbox.job("report", &[6, 7]),
    ];
    sandbox.write("fail", "guided/2\n");
    sandbox.write("go", "");
    let all = Submission {
        n_new: 9,
        n_kept: 0,
    };
    assert_eq!(sandbox.submit(&jobs), all);
    sandbox.until_idle();

    let arrays = Record::read(&sandbox.out).unwrap().arrays;
    let arrays: Vec<Vec<&str>> = arrays
        .iter()
        .map(|array| array.keys.iter().map(String::as_str).collect())
        .collect();
    let expected: [&[&str]; 7] = [
        &["data"],
        &["baseline/0", "baseline/1"],
        &["guided/0", "guided/2"],
        &["guided/1"],
        &["score/0"],
        &["score/1"],
        &["report"],
    ];
    assert_eq!(arrays, expected);

    let calls = sandbox.lines("calls");
    let at = |line: String| {
        let found = calls.iter().filter(|call| **call == line).count();
        assert!(found <= 1, "{line}: {calls:?}");
        calls.iter().position(|call| *call == line)
    };
    for job in &jobs {
        let start = at(format!("start {}", job.key)).unwrap();
        for &other in &job.after {
            if let Some(end) = at(format!("end {}", jobs[other].key)) {
                assert!(end < start, "{} began too early: {calls:?}", job.key);
            }
        }
        let state = match job.key.as_str() {
            "guided/2" => State::Failed("exit code 3".to_owned()),
            _ => State::Succeeded,
        };
        assert_eq!(sandbox.state(&job.key), state, "{}", job.key);
    }
    assert_eq!(at("end guided/2".to_owned()), None);

    let status = sandbox.queue.status().unwrap();
    let expected = "data       1 done\n\
                    baseline   2 done\n\
                    guided     2 done, 1 failed\n\
                    score      2 done\n\
                    report     1 done";
    assert_eq!(status.counts(), expected);
    // guided/2 is the second task (1) of its array. The array's id is not known before: a task of an earlier array
    // that starts meanwhile takes an id of its own.
    let task = sandbox.task("guided/2");
    assert!(task.ends_with("_1"), "{task}");
    let said = lines(&status.of("guided/2").unwrap().output);
    let line = format!("--- guided/2: job {task} on ");
    assert!(said[0].starts_with(&line), "{said:?}");
    assert_eq!(said[1..], ["error: told to"]);
}

/// Submits two runs and a report, and stops the second run with `stop`, which is given the task's id. In the
/// end both runs must have resumed where they were stopped, the report must have waited for them, and the two
/// runs must have been started `n_starts` times.
fn comes_back(test: &str, stop: impl Fn(&Cluster, &str), n_starts: [usize; 2]) {
    let Some(mut sandbox) = Sandbox::new(test) else {
        return;
    };
    let jobs = [
        sandbox.job("guided/0", &[]),
        sandbox.job("guided/1", &[]),
        sandbox.job("report", &[0, 1]),
    ];
    sandbox.submit(&jobs);
    sandbox.until("units", "guided/0 3", 1);
    sandbox.until("units", "guided/1 3", 1);
    // The second run is the array's last task, to which Slurm gives the id of the whole array.
    stop(&sandbox.cluster, &sandbox.task("guided/1"));
    sandbox.until_said("guided/1", "saved after unit 3");
    for (run, n) in n_starts.into_iter().enumerate() {
        sandbox.until("calls", &format!("start guided/{run}"), n);
    }
    assert_eq!(sandbox.state("guided/1"), State::Running);
    let waiting = State::Waiting("Dependency".to_owned());
    assert_eq!(sandbox.state("report"), waiting);
    sandbox.write("go", "");
    sandbox.until_idle();
    let expected = "guided     2 done\nreport     1 done";
    assert_eq!(sandbox.queue.status().unwrap().counts(), expected);
    assert_eq!(sandbox.units(), all_units(2));
    let calls = sandbox.lines("calls");
    let n = |line: &str| calls.iter().filter(|call| *call == line).count();
    assert_eq!(
        [n("start guided/0"), n("start guided/1")],
        n_starts,
        "{calls:?}"
    );
    assert_eq!(n("start report"), 1, "{calls:?}");
    assert_eq!(calls.last().unwrap(), "end report", "{calls:?}");
}

#[test]
fn a_run_that_is_told_of_its_time_limit_comes_back_and_goes_on() {
    // The signal that Slurm itself sends two minutes before the time limit.
    let stop = |cluster: &Cluster, task: &str| {
        cluster.run("scancel", &["--batch", "--signal=USR2", task]);
    };
    let test = "a_run_that_is_told_of_its_time_limit_comes_back_and_goes_on";
    comes_back(test, stop, [1, 2]);
}

#[test]
fn a_run_that_is_requeued_by_others_goes_on() {
    let stop = |cluster: &Cluster, task: &str| {
        cluster.run("scontrol", &["requeue", task]);
    };
    comes_back("a_run_that_is_requeued_by_others_goes_on", stop, [1, 2]);
}

#[test]
fn preempted_runs_come_back_and_go_on() {
    // A job of the partition `high` that wants the node for itself: both runs are preempted.
    let stop = |cluster: &Cluster, _: &str| {
        let options = ["--partition=high", "--exclusive", "--output=none"];
        cluster.run("sbatch", &[&options[..], &["--wrap=true"]].concat());
    };
    comes_back("preempted_runs_come_back_and_go_on", stop, [2, 2]);
}

#[test]
fn what_is_queued_is_not_submitted_again_and_what_was_cancelled_is() {
    let test = "what_is_queued_is_not_submitted_again_and_what_was_cancelled_is";
    let Some(mut sandbox) = Sandbox::new(test) else {
        return;
    };
    let jobs = [
        sandbox.job("guided/0", &[]),
        sandbox.job("guided/1", &[]),
        sandbox.job("report", &[0, 1]),
    ];
    let counted = |n_new, n_kept| Submission { n_new, n_kept };
    assert_eq!(sandbox.submit(&jobs), counted(3, 0));
    sandbox.until("units", "guided/0 3", 1);
    sandbox.until("units", "guided/1 3", 1);
    let error = sandbox.queue.require_idle().unwrap_err().to_string();
    assert!(error.contains("found steps in Slurm's queue"), "{error}");
    assert_eq!(sandbox.submit(&jobs), counted(0, 3));
    // A record without the ids, as a program leaves it that was killed before it was told them.
    let file = sandbox.out.join("slurm/jobs.toml");
    let known = std::fs::read_to_string(&file).unwrap();
    let unknown: Vec<&str> = known
        .lines()
        .filter(|line| !line.starts_with("id"))
        .collect();
    std::fs::write(&file, unknown.join("\n")).unwrap();
    assert_eq!(sandbox.submit(&jobs), counted(0, 3));
    std::fs::write(&file, known).unwrap();

    // A cancelled run does not come back by itself. Submitted again it goes on from what it saved, and
    // the report, though it is in the queue, waits for it and for the run that was added.
    let (report, cancelled) = (sandbox.task("report"), sandbox.task("guided/1"));
    sandbox.cluster.run("scancel", &[&cancelled]);
    sandbox.until_said("guided/1", "saved after unit 3");
    let queue = sandbox.queue();
    sandbox.cluster.until("it is cancelled", |_| {
        let status = queue.status().unwrap();
        status.of("guided/1").unwrap().state != State::Running
    });
    assert_eq!(sandbox.state("guided/1"), State::Stopped);
    let jobs = [
        sandbox.job("guided/0", &[]),
        sandbox.job("guided/1", &[]),
        sandbox.job("guided/2", &[]),
        sandbox.job("report", &[0, 1, 2]),
    ];
    assert_eq!(sandbox.submit(&jobs), counted(3, 1));
    assert_ne!(sandbox.task("report"), report);
    let gpus = sandbox
        .cluster
        .run("squeue", &["--noheader", "--array", "--format=%j %b"]);
    let (with, without) = (
        gpus.matches("gres:gpu:1").count(),
        gpus.matches("N/A").count(),
    );
    assert_eq!((with, without), (3, 1), "{gpus}");
    sandbox.write("go", "");
    sandbox.until_idle();
    let expected = "guided     3 done\nreport     1 done";
    assert_eq!(sandbox.queue.status().unwrap().counts(), expected);
    sandbox.queue.require_idle().unwrap();
    let calls = sandbox.lines("calls");
    let n_reports = calls.iter().filter(|call| *call == "start report").count();
    assert_eq!(
        (n_reports, calls.last().unwrap().as_str()),
        (1, "end report"),
        "{calls:?}"
    );
    assert_eq!(sandbox.units(), all_units(3));
}

#[test]
fn what_cannot_be_submitted_is_refused_with_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let queue = |client| Queue {
        out: folder.path().join("back\\slash"),
        client,
    };
    let without = queue(Client::with("PATH", folder.path()));
    let error = without.require_slurm().unwrap_err().to_string();
    assert!(
        error.starts_with("--executor slurm: found no sbatch"),
        "{error}"
    );
    let test = "what_cannot_be_submitted_is_refused_with_a_line";
    let Some(cluster) = Cluster::start(test) else {
        return;
    };
    let request = recipe::Slurm::default();
    let done = queue(client(&cluster)).submit(&[], Path::new("xtask"), &request, None);
    let error = done.unwrap_err().to_string();
    assert!(error.contains(r"found '\\', expected a path"), "{error}");
}

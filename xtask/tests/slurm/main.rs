//! Tests `cargo xtask reproduce --executor slurm` on a Slurm cluster that each test starts on this machine.
//! A shell script (tests/reproduce/stand_in.sh) takes the place of the programs data-prep, trainer,
//! evaluator and analysis. Checked are which of them are called, what is printed, and that a job told of
//! its time limit resumes. Where Slurm is not installed the tests are skipped. The recipe's plan has 9 steps: data,
//! a baseline, 3 guided runs, 3 scores and the report.

#![allow(clippy::unwrap_used)]

#[path = "../../src/drive/slurm/programs.rs"]
#[allow(dead_code)] // shared with the program
mod programs;
#[path = "../reproduce/sandbox.rs"]
#[allow(dead_code)] // shared with the local queue's tests
mod sandbox;
#[path = "../../src/drive/slurm/test_cluster.rs"]
mod test_cluster;

use std::process::Command;

use sandbox::{RECIPE, Sandbox, starting_with};
use test_cluster::Cluster;

/// Runs a command that finds this cluster; returns its exit code and what it printed.
fn run(cluster: &Cluster, mut command: Command) -> (i32, String) {
    command.env("SLURM_CONF", cluster.configuration());
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    (output.status.code().unwrap(), said)
}

/// Runs `cargo xtask reproduce --executor slurm`; returns its exit code and what it printed.
fn submit(cluster: &Cluster, sandbox: &Sandbox, recipe: &str, flags: &[&str]) -> (i32, String) {
    let flags = [&["--executor", "slurm"], flags].concat();
    run(cluster, sandbox.command(recipe, &flags))
}

/// Returns what `cargo xtask status` prints, which must succeed.
fn status(cluster: &Cluster, sandbox: &Sandbox, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("status").arg("--out").arg(sandbox.path("out"));
    command.args(flags);
    let (code, said) = run(cluster, command);
    assert_eq!(code, 0, "{said}");
    said
}

#[test]
fn a_recipe_goes_through_the_cluster_once_and_a_stopped_run_goes_on() {
    let test = "a_recipe_goes_through_the_cluster_once_and_a_stopped_run_goes_on";
    let Some(mut cluster) = Cluster::start(test) else {
        return;
    };
    let sandbox = Sandbox::new();
    // With this file, the training makes the file `hanging` and waits for a signal.
    sandbox.write("hang", "");
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("9 steps submitted to Slurm; the last"),
        "{said}"
    );
    let hanging = sandbox.path("hanging");
    cluster.until("the baseline is trained", |_| hanging.exists());

    // While those jobs are queued, neither a run on this machine nor a changed recipe may start: both would
    // write the same files.
    for (recipe, flags) in [
        (RECIPE.to_owned(), &["--executor", "local"][..]),
        (RECIPE.replace("0.3", "0.4"), &["--executor", "slurm"]),
    ] {
        let (code, said) = run(&cluster, sandbox.command(&recipe, flags));
        assert_eq!(code, 1, "{said}");
        let expected = "found steps in Slurm's queue, expected none\nhint: ";
        assert!(said.contains(expected), "{said}");
    }
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &[]);
    assert_eq!(code, 0, "{said}");
    let expected = "0 steps submitted to Slurm (8 more were in the queue)";
    assert!(said.contains(expected), "{said}");
    let said = status(&cluster, &sandbox, &["--all"]);
    assert!(said.contains("baseline/1  train  baseline"), "{said}");
    assert!(
        said.contains("1 of 9 steps done, 1 running, 0 failed"),
        "{said}"
    );
    assert!(said.contains("in Slurm's queue (Dependency)\n"), "{said}");
    let expected = "in Slurm's queue:\ndata       1 done\nbaseline   1 running\n\
                    score      3 waiting (Dependency)\nguided     3 waiting (Dependency)\n";
    assert!(said.contains(expected), "{said}");

    // The signal that Slurm sends to a job ahead of its time limit.
    let jobs = cluster.run("squeue", &["--noheader", "--format=%i %j %T"]);
    let job = jobs
        .lines()
        .find(|line| line.ends_with(" RUNNING"))
        .unwrap();
    assert!(job.contains(" baseline."), "{jobs}");
    sandbox.remove("hang");
    let id = job.split(' ').next().unwrap();
    cluster.run("scancel", &["--batch", "--signal=USR2", id]);
    let (report, out) = (sandbox.path("out/results/report.html"), sandbox.path("out"));
    cluster.until("the report is written", |_| report.exists());
    let log = std::fs::read_to_string(out.join("logs/baseline-1.log")).unwrap();
    assert_eq!(log.matches("epoch 1 saved\n").count(), 1, "{log}");
    let calls = sandbox.calls();
    // The baseline was started twice, each of the three guided runs once.
    assert_eq!(starting_with(&calls, "trainer train \"baseline\" auto"), 2);
    assert_eq!(starting_with(&calls, "trainer train"), 2 + 3, "{calls:?}");
    assert_eq!(starting_with(&calls, "evaluator"), 8, "{calls:?}");
    assert!(calls.last().unwrap().starts_with("analysis report"));

    // Submitted again, only the report is written, after data-prep has checked the data's folder.
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &["--wait"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 step submitted to Slurm; "), "{said}");
    assert!(said.contains("\nopen "), "{said}");
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "data-prep"), 1, "{calls:?}");
    assert_eq!(starting_with(&calls, "analysis"), 1, "{calls:?}");
    assert_eq!(calls.len(), 2, "{calls:?}");
}

#[test]
fn who_waits_learns_what_failed_and_the_report_is_of_the_rest() {
    let test = "who_waits_learns_what_failed_and_the_report_is_of_the_rest";
    let Some(cluster) = Cluster::start(test) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("fail", "trainer train \"l1");
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &["--wait", "--jobs", "2"]);
    assert_eq!(code, 1, "{said}");
    let log = sandbox.path("out/logs/guided-3.log");
    let failed = format!(
        "  guided/3  train  l1 ixg@input λ=0.3\n    training l1 ixg@input λ=0.3: trainer failed \
         (exit status: 2): told to\n    log: {}\n",
        log.display()
    );
    assert!(said.contains(&failed), "{said}");
    // The second is the score of that run: on a cluster it starts all the same, and fails.
    assert!(said.contains("2 steps of 9 failed:\n"), "{said}");
    assert!(said.contains("found a run that is not finished"), "{said}");
    assert!(said.contains("the report is of what there is: "), "{said}");
    let said = status(&cluster, &sandbox, &[]);
    assert!(
        said.contains("7 of 9 steps done, 0 running, 2 failed"),
        "{said}"
    );

    // With the partition down the jobs wait in the queue. `status --cancel` removes them all, and they can
    // be submitted again.
    std::fs::remove_file(sandbox.path("fail")).unwrap();
    cluster.run("scontrol", &["update", "PartitionName=low", "State=DOWN"]);
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 steps submitted to Slurm; "), "{said}");
    let said = status(&cluster, &sandbox, &[]);
    assert!(
        said.contains("guided     1 waiting (PartitionDown)\n"),
        "{said}"
    );
    let said = status(&cluster, &sandbox, &["--cancel"]);
    assert!(said.starts_with("3 steps cancelled\n"), "{said}");
    let said = status(&cluster, &sandbox, &[]);
    // The cancelled steps never ran, so they count by how they ended the time before.
    let expected = "7 of 9 steps done, 0 running, 2 failed, 0 stopped, 0 to do";
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("in Slurm's queue"), "{said}");
    cluster.run("scontrol", &["update", "PartitionName=low", "State=UP"]);
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &["--wait"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 steps submitted to Slurm; "), "{said}");
}

#[test]
fn slurm_itself_tells_a_run_of_its_time_limit() {
    let Some(mut cluster) = Cluster::start("slurm_itself_tells_a_run_of_its_time_limit") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("hang", "");
    // One minute is less than the two by which Slurm's signal precedes the limit, so that the signal is sent
    // as soon as Slurm looks at the job.
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &["--time", "1"]);
    assert_eq!(code, 0, "{said}");
    let log = sandbox.path("out/logs/baseline-1.log");
    cluster.until("the baseline is told", |_| {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("epoch 1 saved\n"))
    });
    sandbox.remove("hang");
    let report = sandbox.path("out/results/report.html");
    cluster.until("the report is written", |_| report.exists());
    assert_eq!(starting_with(&sandbox.calls(), "trainer train"), 2 + 3);
}

/// A score step (explain, then evaluate a checkpoint) saves no state. At the signal its programs are ended;
/// the evaluations that it had finished are not made again.
#[test]
fn slurm_itself_tells_a_score_of_its_time_limit() {
    let Some(mut cluster) = Cluster::start("slurm_itself_tells_a_score_of_its_time_limit") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("linger", "trainer explain test 1 ixg@input");
    let (code, said) = submit(&cluster, &sandbox, RECIPE, &["--time", "1"]);
    assert_eq!(code, 0, "{said}");
    let log = sandbox.path("out/logs/score-1.log");
    cluster.until("the baseline's score is told", |_| {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains(": stopped\n"))
    });
    sandbox.remove("linger");
    let report = sandbox.path("out/results/report.html");
    cluster.until("the report is written", |_| report.exists());
    let calls = sandbox.calls();
    // Four pairs of checkpoint and layer are scored: the validation images of each were explained once.
    assert_eq!(starting_with(&calls, "trainer explain val"), 4, "{calls:?}");
    let said = status(&cluster, &sandbox, &[]);
    assert!(said.contains("0 running, 0 failed, 0 stopped"), "{said}");
}

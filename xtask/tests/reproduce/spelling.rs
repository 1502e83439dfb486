//! Tests that `reproduce` recognises its out folder under any spelling of the path (dots, links, a slash at
//! the end): steps in Slurm's queue must not be submitted a second time or started on this machine as well. Shell
//! scripts stand in for Slurm's commands and for the programs of the stages.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::sandbox::{RECIPE, Sandbox, with_slurm};

/// Makes the command `reproduce` into `out`, started in the sandbox's folder.
fn reproduce(sandbox: &Sandbox, out: &str, flags: &[&str]) -> Command {
    sandbox.write("recipe.toml", RECIPE);
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(sandbox.path(""));
    command.args(["reproduce", "--recipe", "recipe.toml", "--programs", "."]);
    command.args(["--out", out]).args(flags);
    command
}

#[test]
fn a_plan_is_submitted_once_however_the_out_folder_is_spelled() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("other")).unwrap();
    symlink(sandbox.path("out"), sandbox.path("link")).unwrap();
    symlink("../link", sandbox.path("other/link")).unwrap();
    symlink(sandbox.path("other"), sandbox.path("folder")).unwrap();
    let absolute = sandbox.path("out").to_str().unwrap().to_owned();
    let slurm = &["--executor", "slurm"];
    // Spellings of the same out folder. The first submits the 9 steps of the plan.
    for (n, out) in [
        "out",
        "out/",
        "./out/.",
        "other/../out",
        "link",
        "link/",
        "other/link",
        // The system takes `..` of the folder that the link leads to (`other`).
        "folder/../out",
        &absolute,
        &format!("{absolute}/"),
        "out/steps/..",
    ]
    .into_iter()
    .enumerate()
    {
        if out == "out/steps/.." {
            std::fs::create_dir_all(sandbox.path("out/steps")).unwrap();
        }
        let done = with_slurm(&sandbox, reproduce(&sandbox, out, slurm));
        assert_eq!(done.code, 0, "{out}: {}", done.stderr);
        let expected = match n {
            0 => "9 steps submitted to Slurm; ",
            _ => "0 steps submitted to Slurm (9 more were in the queue); ",
        };
        assert!(done.stdout.contains(expected), "{out}: {}", done.stdout);
        let mut status = Command::new(env!("CARGO_BIN_EXE_xtask"));
        status
            .current_dir(sandbox.path(""))
            .args(["status", "--out", out]);
        let status = with_slurm(&sandbox, status);
        assert_eq!(status.code, 0, "{out}: {}", status.stderr);
        let expected = "score      3 waiting (Priority)\n";
        assert!(status.stdout.contains(expected), "{out}: {}", status.stdout);
        // While the steps are queued, `reproduce` without Slurm must refuse.
        let local = with_slurm(&sandbox, reproduce(&sandbox, out, &[]));
        assert_eq!(local.code, 1, "{out}");
        let expected = "found steps in Slurm's queue, expected none\nhint: ";
        assert!(local.stderr.contains(expected), "{out}: {}", local.stderr);
    }
    let queue = sandbox.read("slurm/queue");
    assert_eq!(queue.lines().count(), 9, "{queue}");
    // Another folder is another reproduction.
    let done = with_slurm(&sandbox, reproduce(&sandbox, "out2", slurm));
    assert!(done.stdout.contains("9 steps submitted"), "{}", done.stdout);
}

/// If a damaged record of the submitted jobs were replaced by an empty one, they would be submitted twice.
#[test]
fn a_damaged_record_of_jobs_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    let slurm = &["--executor", "slurm"];
    assert_eq!(
        with_slurm(&sandbox, reproduce(&sandbox, "out", slurm)).code,
        0
    );
    sandbox.write("out/slurm/jobs.toml", "n_arrays = 1\n[[array]]\n");
    for flags in [&slurm[..], &[]] {
        let done = with_slurm(&sandbox, reproduce(&sandbox, "out", flags));
        assert_eq!(done.code, 1);
        let expected = "out/slurm/jobs.toml: line 2: missing field `name`\nhint: once none of its \
                        jobs is left in Slurm's queue, remove out/slurm/jobs.toml";
        assert!(done.stderr.contains(expected), "{}", done.stderr);
    }
    assert_eq!(sandbox.read("slurm/queue").lines().count(), 9);
}

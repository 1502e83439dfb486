//! Tests what `xtask` asks of the operating system: `flock` on a file system without locks, and `fsync` of
//! all that is written. A C library, loaded with LD_PRELOAD, replaces the two functions.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::{Done, RECIPE, Sandbox, done};

/// `flock` fails with the error number in WITHOUT_LOCKS, if that is set. `fsync` appends the path that is
/// flushed to the file that FLUSHED names, if that is set.
const LIBRARY: &str = r#"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int flock(int file, int how) {
  const char *without = getenv("WITHOUT_LOCKS");
  if (!without) return syscall(SYS_flock, file, how);
  errno = atoi(without);
  return -1;
}
int fsync(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t n = readlink(link, path, sizeof path - 1);
  const char *list = getenv("FLUSHED");
  if (list && n > 0) {
    path[n] = '\n';
    int to = open(list, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (write(to, path, n + 1) < 0) return -1;
    close(to);
  }
  return syscall(SYS_fsync, file);
}
"#;

/// Runs `command` with [`LIBRARY`] preloaded and one of its variables set.
fn beside(sandbox: &Sandbox, mut command: Command, variable: &str, value: &str) -> Done {
    let (source, library) = (sandbox.path("library.c"), sandbox.path("library.so"));
    if !library.exists() {
        sandbox.write("library.c", LIBRARY);
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(source);
        assert!(cc.status().unwrap().success());
    }
    // LD_PRELOAD is split at spaces, and the sandbox's name has one, so the library is copied.
    let linked = tempfile::tempdir().unwrap();
    let plain = linked.path().join("library.so");
    std::fs::copy(&library, &plain).unwrap();
    done({
        command.env("LD_PRELOAD", plain).env(variable, value);
        command
    })
}

// Linux's numbers of the errors, and their texts.
const ENOLCK: (&str, &str) = ("37", "No locks available");
const EOPNOTSUPP: (&str, &str) = ("95", "Operation not supported");
const EIO: (&str, &str) = ("5", "Input/output error");
/// Not a missing lock: another process holds it.
const EWOULDBLOCK: &str = "11";

#[test]
fn a_file_system_without_locks_is_warned_of_and_not_taken_for_busy() {
    for (number, says) in [ENOLCK, EOPNOTSUPP] {
        let sandbox = Sandbox::new();
        let command = sandbox.command(RECIPE, &[]);
        let done = beside(&sandbox, command, "WITHOUT_LOCKS", number);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(!done.stderr.contains("waiting for it"), "{}", done.stderr);
        let expected = format!("out/.lock: no lock: {says} (os error {number})");
        assert!(done.stderr.contains(&expected), "{}", done.stderr);
        let log = sandbox.read("out/steps/baseline/1.toml");
        assert!(log.contains("state = \"finished\""), "{log}");
        // A step whose record says "running" may run or may have been broken off: only the lock would tell.
        let record = log.replace("\"finished\"", "\"running\"");
        sandbox.write("out/steps/baseline/1.toml", &record);
        let status = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
            command.arg("status").arg("--out").arg(sandbox.path("out"));
            command
        };
        let done = beside(&sandbox, status(), "WITHOUT_LOCKS", number);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let expected = format!("running or broken off, its lock does not tell: {says}");
        assert!(done.stdout.contains(&expected), "{}", done.stdout);
        assert!(done.stdout.contains(", 1 not known"), "{}", done.stdout);
        // If another process holds the lock, the step runs. If locks work (the library ignores the variable
        // WITH_LOCKS, so flock is the system's) and nobody holds it, the step was broken off.
        let done = beside(&sandbox, status(), "WITHOUT_LOCKS", EWOULDBLOCK);
        assert!(done.stdout.contains("running for "), "{}", done.stdout);
        let done = beside(&sandbox, status(), "WITH_LOCKS", "");
        assert!(done.stdout.contains("1 stopped"), "{}", done.stdout);
    }
}

/// A lock that cannot be taken for another reason is no sign that nobody works there.
#[test]
fn an_error_of_the_lock_ends_the_program() {
    let sandbox = Sandbox::new();
    let command = sandbox.command(RECIPE, &[]);
    let done = beside(&sandbox, command, "WITHOUT_LOCKS", EIO.0);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let expected = format!("out/.lock: cannot be locked: {}", EIO.1);
    assert!(done.stderr.contains(&expected), "{}", done.stderr);
    assert!(!sandbox.path("out/steps/baseline/1.toml").exists());
}

#[test]
fn a_download_without_locks_begins_and_one_beside_another_does_not() {
    // The folder has an incomplete VOC2007, which the download refuses as soon as it is past the lock.
    let download = |sandbox: &Sandbox| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["download", "voc2007", "--out"]);
        command.arg(sandbox.path("data"));
        command
    };
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("data/VOCdevkit/VOC2007")).unwrap();
    let done = beside(&sandbox, download(&sandbox), "WITHOUT_LOCKS", ENOLCK.0);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains(ENOLCK.1), "{}", done.stderr);
    assert!(done.stderr.contains("not complete"), "{}", done.stderr);
    let done = beside(&sandbox, download(&sandbox), "WITHOUT_LOCKS", EWOULDBLOCK);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("another download"), "{}", done.stderr);
}

/// After a file is written, its folder is flushed, and after a folder is made, the folder above it. Else a
/// power cut could lose the name of a file whose content is on the disk.
#[test]
fn what_is_written_outlasts_a_power_cut_by_its_name_too() {
    let sandbox = Sandbox::new();
    let list = sandbox.path("flushed");
    let command = sandbox.command(RECIPE, &[]);
    let done = beside(&sandbox, command, "FLUSHED", list.to_str().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let flushed: Vec<PathBuf> = sandbox.read("flushed").lines().map(PathBuf::from).collect();
    let is_flushed = |folder: &Path| flushed.iter().any(|path| path == folder);
    let mut folders = vec![sandbox.path("")];
    folders
        .extend(["out", "out/recipe", "out/steps", "out/configs"].map(|name| sandbox.path(name)));
    folders.extend(["out/steps/baseline", "out/steps/score"].map(|name| sandbox.path(name)));
    let mut n_evaluations = 0;
    for run in std::fs::read_dir(sandbox.path("out/runs")).unwrap() {
        let evaluations = run.unwrap().path().join("evaluations");
        let Ok(entries) = std::fs::read_dir(&evaluations) else {
            continue;
        };
        folders.extend(entries.map(|entry| entry.unwrap().path()));
        folders.push(evaluations);
        n_evaluations += 1;
    }
    // Runs with evaluations: the baseline, and the chosen run of each of the two selections.
    assert_eq!(n_evaluations, 3);
    for folder in folders {
        // Going through the components removes the slash at the end of the sandbox's path.
        let folder: PathBuf = folder.components().collect();
        let folder = folder.canonicalize().unwrap();
        assert!(is_flushed(&folder), "{}: {flushed:?}", folder.display());
    }
}

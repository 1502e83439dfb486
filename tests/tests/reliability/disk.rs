//! Training on a disk that is full or read-only, or in a folder without permission to write. The program must end with
//! one error that names the file, earlier files must stay as they were, and once writing is possible the run must
//! resume. Such disks are made with `unshare` and tmpfs; where the system forbids that, a test is skipped.
//!
//! `whole()` is a run that was never interrupted. `lay` puts its files after an epoch into another folder; `go_on`
//! resumes there and asserts that the run ends with the same files as `whole()` (`made.rs`).

use std::path::Path;
use std::process::{Command, Stdio};

use tests::programs::{Done, program, run};

use crate::made::{folder, whole};
use crate::shared::start_until;

/// Whether the system lets us create the namespaces that `flags` of `unshare` name and run `script` in them. If not,
/// prints that `test` is skipped, and why.
fn may_unshare(test: &str, flags: &[&str], script: &str) -> bool {
    let mut probe = Command::new("unshare");
    probe.args(flags).args(["sh", "-c", script]);
    let output = probe.stdin(Stdio::null()).output();
    let reason = match output {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("skipped: {test}: unshare: {}", reason.replace('\n', ", "));
    false
}

/// Flags of `unshare` for namespaces in which a program may mount a file system without being root.
const OWN_MOUNTS: [&str; 3] = ["--user", "--map-root-user", "--mount"];
/// A command that succeeds where a mount is allowed.
const TRY_MOUNT: &str = "mount -t tmpfs tmpfs /mnt";

/// Runs the shell `script` in namespaces where it may mount. It gets as arguments `arguments` and then the words of
/// `command`; it removes its own by `shift` and then runs the command as `"$@"`.
fn in_own_mounts(script: &str, arguments: &[&Path], command: &Command) -> Done {
    let mut shell = Command::new("unshare");
    shell.args(OWN_MOUNTS).args(["sh", "-c", script, "sh"]);
    shell.args(arguments);
    run(shell.arg(command.get_program()).args(command.get_args()))
}

/// Asserts that there is exactly one error, that it names `file` and says `why`, and that nothing panicked.
fn assert_one_error(stderr: &str, file: &str, why: &str) {
    let errors: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    let [error] = errors[..] else {
        panic!("expected one error: {stderr}");
    };
    assert!(
        error.contains(file) && error.contains(why),
        "{file}, {why}: {error}"
    );
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// The disk has room for only some of the next epoch's files, so training fails; then the disk is enlarged and the run
/// must resume. Exit codes of the script: 99, the disk could not be made or enlarged; 98, training did not fail with
/// code 2; 97, it left a temporary file; 96, it did not resume.
#[test]
fn a_full_disk_is_said_and_the_run_goes_on_when_there_is_room() {
    if !may_unshare("a full disk", &OWN_MOUNTS, TRY_MOUNT) {
        return;
    }
    let whole = whole();
    let root = folder("full");
    let (disk, laid) = (root.join("disk"), root.join("laid"));
    fs_err::create_dir_all(&disk).unwrap();
    let script = r#"
        size=$1 disk=$2 laid=$3 saved=$4; shift 4
        mount -t tmpfs -o size=$size tmpfs "$disk" && cp -a "$laid/." "$disk" || exit 99
        "$@"; [ $? = 2 ] || exit 98
        find "$disk" -name '*.partial' | grep . && exit 97
        mount -o remount,size=400m "$disk" || exit 99
        "$@" || exit 96
        cp -a "$disk/." "$saved"
    "#;
    let second = match whole.kept(2).contains(&2) {
        true => "/checkpoints/epoch-0002.safetensors: ",
        false => "/resume.safetensors: ",
    };
    // A checkpoint has 14 MB, a state 41 MB, and the state before is kept: there are 55 MB after epoch 1 and at least
    // 96 after epoch 2. Epoch after which the run begins, size of the disk, the file for which there is no room.
    for (epoch, size, file) in [
        (0, "8m", "/checkpoints/epoch-0001.safetensors: "),
        (0, "40m", "/resume.safetensors: "),
        (1, "60m", second),
        (1, "90m", "/resume.safetensors: "),
    ] {
        let _ = std::fs::remove_dir_all(&laid);
        fs_err::create_dir_all(&laid).unwrap();
        whole.lay(&laid, &whole.files_after(epoch));
        let saved = root.join("saved");
        fs_err::create_dir_all(&saved).unwrap();
        let training = whole.train(&disk);
        let done = in_own_mounts(script, &[Path::new(size), &disk, &laid, &saved], &training);
        assert_eq!(done.code, Some(0), "{size}: {}{}", done.stdout, done.stderr);
        assert_one_error(&done.stderr, file, "No space left on device");
        whole.go_on(&saved, size); // the run is finished, so this only compares its files
    }
}

/// With a limit of 20 MB on the size of files, and the signal for exceeding it (SIGXFSZ) ignored, writing a state of
/// 41 MB fails. The error must name the file. This test needs no namespaces.
#[test]
fn a_file_that_may_not_grow_is_said() {
    let whole = whole();
    let runs = folder("limited");
    let run_folder = whole.lay(&runs, &whole.files_after(1));
    let training = whole.train(&runs);
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        r#"trap "" XFSZ; exec prlimit --fsize=20000000 -- "$@""#,
        "sh",
    ]);
    let done = run(limited
        .arg(training.get_program())
        .args(training.get_args()));
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert_one_error(&done.stderr, "/resume.safetensors: ", "File too large");
    let entries = fs_err::read_dir(&run_folder).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names.any(|name| name.ends_with(".partial")));
    whole.go_on(&runs, "limited");
}

/// On a read-only disk a run cannot be resumed, but a finished one is still reported as finished. Exit codes of the
/// script: 99, the disk could not be made; 98, training did not fail with code 2; 97, it did not resume once the disk
/// was writable; 96, the finished run was not recognised on the read-only disk.
#[test]
fn a_read_only_disk_is_said() {
    if !may_unshare("a read-only disk", &OWN_MOUNTS, TRY_MOUNT) {
        return;
    }
    let whole = whole();
    let root = folder("read-only");
    let (disk, laid, saved) = (root.join("disk"), root.join("laid"), root.join("saved"));
    for folder in [&disk, &laid, &saved] {
        fs_err::create_dir_all(folder).unwrap();
    }
    whole.lay(&laid, &whole.files_after(2));
    let script = r#"
        disk=$1 laid=$2 saved=$3; shift 3
        mount -t tmpfs tmpfs "$disk" && cp -a "$laid/." "$disk" || exit 99
        mount -o remount,ro "$disk" || exit 99
        "$@"; [ $? = 2 ] || exit 98
        mount -o remount,rw "$disk" || exit 99
        "$@" || exit 97
        mount -o remount,ro "$disk" || exit 99
        "$@" || exit 96
        cp -a "$disk/." "$saved"
    "#;
    let done = in_own_mounts(script, &[&disk, &laid, &saved], &whole.train(&disk));
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert_one_error(&done.stderr, "/train.lock", "Read-only file system");
    assert!(done.stderr.ends_with(" is finished\n"), "{}", done.stderr);
    whole.go_on(&saved, "read-only");
}

/// The permission to write into the run's folder is taken away in its second epoch: the first epoch's state is there.
#[test]
fn a_lost_permission_is_said() {
    // Permissions do not restrict root, but in a user namespace of its own they do.
    if !may_unshare("a lost permission", &["--user"], "true") {
        return;
    }
    let whole = whole();
    let runs = folder("permission");
    let run_folder = runs.join(whole.id());
    let training = whole.train(&runs);
    let said = runs.join("stderr");
    let mut command = Command::new("unshare");
    command
        .arg("--user")
        .arg("sh")
        .args(["-c", r#"said=$1; shift; exec "$@" 2>"$said""#, "sh"]);
    command
        .arg(&said)
        .arg(training.get_program())
        .args(training.get_args());
    let mut child = start_until(&mut command, &run_folder.join("resume.safetensors"));
    let folders = [run_folder.join("checkpoints"), run_folder.clone()];
    let permit = |mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        for folder in &folders {
            fs_err::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    permit(0o555);
    let status = child.wait().unwrap();
    permit(0o755);
    let said = fs_err::read_to_string(&said).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert_one_error(
        &said,
        &run_folder.display().to_string(),
        "Permission denied",
    );
    whole.go_on(&runs, "permission");
}

/// The other programs and commands, too, name the file in one error when the disk is full, and leave no temporary or
/// incomplete file behind.
#[test]
fn the_other_programs_name_the_file_too() {
    if !may_unshare("the other programs on a full disk", &OWN_MOUNTS, TRY_MOUNT) {
        return;
    }
    let whole = whole();
    let root = folder("others");
    let (disk, maps) = (root.join("disk"), root.join("maps.arrow"));
    fs_err::create_dir_all(&disk).unwrap();
    let explain = |maps: &Path| {
        let mut command = program("trainer");
        command.arg("explain").arg("--run").arg(&whole.folder);
        command
            .arg("--data")
            .arg(&whole.data)
            .arg("--maps")
            .arg(maps);
        command.args(["--device", "cpu", "--layer", "input"]);
        command
    };
    let made = run(&mut explain(&maps));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let mut prepare = program("data-prep");
    prepare.arg("scenes").arg("--out").arg(disk.join("scenes"));
    prepare.args([
        "--train",
        "8",
        "--val",
        "8",
        "--test",
        "8",
        "--shifted",
        "4",
        "--size",
        "32",
    ]);
    let score = |out: &Path| {
        let mut command = program("evaluator");
        command.arg("score").arg("--maps").arg(&maps);
        command.arg("--data").arg(&whole.data);
        command.arg("--out").arg(out);
        command
    };
    let results = root.join("results");
    let run_folder = results.join("runs").join(whole.id());
    fs_err::create_dir_all(&run_folder).unwrap();
    for table in ["run.parquet", "epochs.parquet"] {
        fs_err::copy(whole.folder.join(table), run_folder.join(table)).unwrap();
    }
    let made = run(&mut score(&run_folder.join("evaluations/test")));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let mut report = program("analysis");
    report.arg("report").arg("--results").arg(&results);
    report.arg("--out").arg(disk.join("report"));
    let mut reproduce = program("xtask");
    reproduce.args(["reproduce", "--recipe", "demo", "--device", "cpu", "--out"]);
    reproduce.arg(disk.join("demo"));
    let trainer = program("trainer");
    let programs = Path::new(trainer.get_program()).parent().unwrap();
    reproduce.arg("--programs").arg(programs);
    // On a disk of 4 kB only a first small file fits, `table.md` of a report or `plan.toml` of a recipe. It must not be
    // empty, and no other file but a lock may be left. Exit codes: 99, no such disk; 97, another file; 96, an empty
    // one.
    let script = r#"
        disk=$1; shift
        mount -t tmpfs -o size=4k tmpfs "$disk" || exit 99
        "$@"; code=$?
        find "$disk" -type f ! -name .lock ! -name table.md ! -name plan.toml | grep . && exit 97
        find "$disk" -name table.md -size 0 | grep . && exit 96
        find "$disk" -name plan.toml -size 0 | grep . && exit 96
        exit $code
    "#;
    for (command, file) in [
        (prepare, "/disk/scenes/"),
        (explain(&disk.join("maps.arrow")), "/disk/maps.arrow"),
        (score(&disk.join("scores")), "/disk/scores/"),
        (report, "/disk/report/table.tex"),
        (reproduce, "/disk/demo/recipe/demo.toml"),
    ] {
        let done = in_own_mounts(script, &[&disk], &command);
        assert!(matches!(done.code, Some(1 | 2)), "{file}: {done:?}");
        assert_one_error(&done.stderr, file, "No space left on device");
    }
}

//! Damages saved files of an unfinished run (flips a bit, cuts them short, takes those of another run) and gives the
//! training command again. A damaged state must be reported and the previous one used. Without a good state, or with a
//! damaged checkpoint, the program must refuse and leave the files as they are.
//!
//! A state is what a stopped run resumes from: weights, optimizer and tables, in `resume.safetensors` (41 MB here); the
//! state before it is kept as `resume.previous.safetensors`. A checkpoint is the weights of an epoch (14 MB). `whole()`
//! is a run that was never interrupted. `lay` puts its files after an epoch into another folder; `go_on` resumes
//! there and asserts that the run ends with the same files as `whole()` (`made.rs`).

use std::path::Path;
use std::process::Command;

use tests::programs::{Done, program, run, succeed};
use tests::runs::train;

use crate::made::{EPOCHS, Whole, checkpoint_name, configure, folder, whole};
use crate::safetensors::{File, find, flip_bit};

/// Cuts a file after `length` bytes.
fn truncate(path: &Path, length: u64) {
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

/// A damaged newest state is reported, and the run resumes from the previous one to the same bits. This must also
/// hold if the resumed program is killed while it writes its next state, so the damaged state must not replace the
/// good previous one. The kill comes from a limit of 20 MB on the size of files, which the next state exceeds.
#[test]
fn a_damaged_newest_state_is_reported_and_the_one_before_used() {
    let whole = whole();
    let root = folder("newest");
    // Half the size of a state in bytes: this offset lies among the tensors.
    let middle = fs_err::metadata(whole.state(2)).unwrap().len() / 2;
    // Damages the file of the newest state, given half its size. A case is its name, the damage, and the beginning of
    // the warning.
    type Damage = fn(&Path, u64);
    let damages: [(&str, Damage, &str); 6] = [
        (
            "weight",
            |file, middle| flip_bit(file, middle as usize),
            "sha256: found ",
        ),
        (
            "last byte",
            |file, middle| flip_bit(file, 2 * middle as usize - 1),
            "sha256: found ",
        ),
        (
            "metadata",
            |file, _| flip_bit(file, find(file, "adam_steps=") + 11),
            "sha256: found ",
        ),
        (
            "no hash",
            |file, _| flip_bit(file, find(file, "sha256=")),
            "sha256: found nothing",
        ),
        (
            "cut short",
            |file, middle| truncate(file, middle),
            "file: found ",
        ),
        ("empty", |file, _| truncate(file, 0), "file: found "),
    ];
    for (what, damage, expected) in damages {
        let runs = root.join("runs");
        let run = whole.lay(&runs, &whole.files_after(2));
        let newest = run.join("resume.safetensors");
        damage(&newest, middle);
        let mut killed = Command::new("prlimit");
        let training = whole.train(&runs);
        killed
            .args(["--fsize=20000000", "--"])
            .arg(training.get_program());
        let status = killed.args(training.get_args()).output().unwrap().status;
        // A program that a signal ended has no exit code.
        assert_eq!(status.code(), None, "{what}: {status}");
        let said = whole.go_on(&runs, what);
        let warning = format!("warning: {}: {expected}", newest.display());
        let previous = "resume.previous.safetensors, after epoch 1\n";
        assert!(
            said.contains(&warning) && said.contains(previous),
            "{what}: {said}"
        );
    }
}

/// With both states damaged the program refuses to train and changes neither file, since the user may still need them.
#[test]
fn without_a_whole_state_nothing_is_destroyed() {
    let whole = whole();
    let runs = folder("both");
    let folder = whole.lay(&runs, &whole.files_after(2));
    let files = ["resume.safetensors", "resume.previous.safetensors"].map(|name| folder.join(name));
    let before = files.each_ref().map(|file| {
        flip_bit(file, 20_000_000);
        fs_err::read(file).unwrap()
    });
    let done = run(&mut whole.train(&runs));
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let [.., error, hint] = &done.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", done.stderr);
    };
    for file in &files {
        let fault = format!("{}: sha256: found ", file.display());
        assert!(error.contains(&fault), "{error}");
    }
    assert!(hint.starts_with("hint: "), "{hint}");
    // `trainer state`, which xtask calls to plan runs, reports the damage on stdout and succeeds.
    let mut state = program("trainer");
    state.arg("state").arg("--config").arg(&whole.config);
    state.arg("--data").arg(&whole.data).arg("--out").arg(&runs);
    assert!(succeed(&mut state).stdout.ends_with("\tdamaged\n"));
    let after = files.each_ref().map(|file| fs_err::read(file).unwrap());
    assert!(after == before, "changed");
}

/// A state is refused if the run id in it is not that of its folder, as in a folder that was renamed.
#[test]
fn a_state_of_another_run_is_not_gone_on_from() {
    let whole = whole();
    let runs = folder("another");
    let folder = whole.lay(&runs, &whole.files_after(1));
    let state = folder.join("resume.safetensors");
    let own = whole.id().into_string().unwrap();
    File::read(&state).write_of("0123456789ab", &state);
    let before = fs_err::read(&state).unwrap();
    let done = run(&mut whole.train(&runs));
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let expected = format!(
        "error: {}: run_id: found 0123456789ab, expected {own}\nhint: ",
        state.display()
    );
    assert!(done.stderr.contains(&expected), "{}", done.stderr);
    assert!(fs_err::read(&state).unwrap() == before, "changed");
}

/// A damaged `epochs.parquet` does no harm: the trainer never reads it, because its rows are in the saved state, too.
#[test]
fn a_damaged_table_of_epochs_is_written_anew() {
    let whole = whole();
    for epoch in [2, 3] {
        let runs = folder("table");
        let run = whole.lay(&runs, &whole.files_after(epoch));
        fs_err::write(run.join("epochs.parquet"), b"PAR1").unwrap();
        whole.go_on(&runs, &format!("epoch {epoch}"));
    }
}

/// A checkpoint with one flipped bit is refused as initial weights of a guided run and by `trainer explain`; before the
/// damage both accept it.
#[test]
fn a_damaged_checkpoint_is_refused() {
    let whole = whole();
    let root = folder("checkpoint");
    let baseline = root.join("baseline");
    fs_err::create_dir_all(baseline.join("checkpoints")).unwrap();
    for table in ["run.parquet", "epochs.parquet"] {
        fs_err::copy(whole.folder.join(table), baseline.join(table)).unwrap();
    }
    let epoch = whole.kept(EPOCHS).into_iter().next().unwrap();
    let name = checkpoint_name(epoch);
    let checkpoint = baseline.join(&name);
    fs_err::copy(whole.folder.join(&name), &checkpoint).unwrap();
    let (guided, explained) = (guided(whole, &root, epoch), explained(whole, &root, epoch));
    assert_eq!(
        [guided.code, explained.code],
        [Some(0); 2],
        "{}{}",
        guided.stderr,
        explained.stderr
    );

    flip_bit(&checkpoint, 10_000_000);
    fs_err::remove_dir_all(root.join("runs")).unwrap();
    for done in [
        self::guided(whole, &root, epoch),
        self::explained(whole, &root, epoch),
    ] {
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        let fault = format!("{}: sha256: found ", checkpoint.display());
        let last = done.stderr.lines().last().unwrap();
        assert!(
            last.contains(&fault) && last.contains(", expected "),
            "{last}"
        );
    }
    assert!(!root.join("maps.arrow").exists());

    // With the hash that matches its changed content, the file is accepted.
    File::read(&checkpoint).write(&checkpoint);
    assert_eq!(self::guided(whole, &root, epoch).code, Some(0));
}

/// Trains a run for one epoch from the checkpoint of `epoch` of the run in `baseline`.
fn guided(whole: &Whole, root: &Path, epoch: i32) -> Done {
    let config = root.join("guided.toml");
    let init = format!(
        "\n[init]\nfrom = \"run\"\nfolder = {:?}\ncheckpoint = {epoch}\n",
        root.join("baseline")
    );
    configure(&config, 1, "layer = \"final\"", &init);
    run(&mut train(&config, &whole.data, &root.join("runs")))
}

/// Writes the attribution maps of the checkpoint of `epoch` of the run in `baseline` to `maps.arrow`.
fn explained(whole: &Whole, root: &Path, epoch: i32) -> Done {
    let maps = root.join("maps.arrow");
    let _ = std::fs::remove_file(&maps);
    let mut explain = program("trainer");
    explain
        .arg("explain")
        .arg("--run")
        .arg(root.join("baseline"));
    explain
        .arg("--data")
        .arg(&whole.data)
        .arg("--maps")
        .arg(&maps);
    run(explain.args(["--device", "cpu", "--checkpoint", &epoch.to_string()]))
}

//! Damages saved files of a run (a bit flipped, cut short, of another run) and gives the command again. A
//! damaged state is reported and the previous one used; without a good state, and with a damaged
//! checkpoint, the program must refuse and leave the files as they are.
//!
//! A state is `resume.safetensors`, the state before it `resume.previous.safetensors`. `lay` puts files of
//! an uninterrupted run into a folder; `go_on` resumes there and asserts that the run ends with the
//! same files as that run (`made.rs`).

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

/// A damaged newest state is reported, and the run resumes from the previous one to the same bits. This
/// also holds when the resumed program is killed while it writes its next state: the damaged state must
/// not replace the good previous one.
#[test]
fn a_damaged_newest_state_is_reported_and_the_one_before_used() {
    let whole = whole();
    let root = folder("newest");
    let middle = fs_err::metadata(whole.state(2)).unwrap().len() / 2;
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

/// With both states damaged the program refuses and changes neither: what is left may be of use.
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
    // `trainer state`, with which xtask plans many runs, reports the damage without an error.
    let mut state = program("trainer");
    state.arg("state").arg("--config").arg(&whole.config);
    state.arg("--data").arg(&whole.data).arg("--out").arg(&runs);
    assert!(succeed(&mut state).stdout.ends_with("\tdamaged\n"));
    let after = files.each_ref().map(|file| fs_err::read(file).unwrap());
    assert!(after == before, "changed");
}

/// A state whose run id is another than its folder's is refused, e.g. in a folder that was renamed.
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

/// `epochs.parquet` is never read by the trainer: its rows are in the saved state, too.
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

/// A checkpoint with one flipped bit is refused both as initial weights of another run and by
/// `trainer explain`.
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

/// Trains a run for an epoch from the baseline's checkpoint of `epoch`.
fn guided(whole: &Whole, root: &Path, epoch: i32) -> Done {
    let config = root.join("guided.toml");
    let init = format!(
        "\n[init]\nfrom = \"run\"\nfolder = {:?}\ncheckpoint = {epoch}\n",
        root.join("baseline")
    );
    configure(&config, 1, "layer = \"final\"", &init);
    run(&mut train(&config, &whole.data, &root.join("runs")))
}

/// Explains the baseline's checkpoint of `epoch` into `maps.arrow`.
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

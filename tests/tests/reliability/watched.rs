//! What a run writes so that it can be watched: event files, in which TensorBoard must find the numbers of
//! `epochs.parquet`, also after the run was killed and repeated an epoch; and the file that the option `--progress`
//! names. `GUIDANCE_PYTHON` is a Python interpreter with the packages of `tests/python/requirements.txt`.
//!
//! `whole()` is a run that was never interrupted. `lay` puts its files after an epoch into another folder, and `go_on`
//! resumes there and asserts that the run ends with the same files (`made.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::programs::succeed;

use crate::made::{EPOCHS, Whole, folder, whole};

/// Has TensorBoard read the event files of `run` and compare them with its `epochs.parquet`. Skipped without Python.
fn read_by_tensorboard(run: &Path, test: &str) {
    let Some(python) = std::env::var_os("GUIDANCE_PYTHON") else {
        println!("skipped: {test}: GUIDANCE_PYTHON is not set");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/read_events.py");
    let done = succeed(Command::new(python).arg(script).arg(run));
    // Pictures of the maps of 8 pairs (an image and a class on it), a series over the epochs for each.
    assert_eq!(done.stdout, format!("{EPOCHS} epochs, 8 images\n"));
}

/// The event files of a run, in the order of their names.
fn event_files(run: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(run.join("tensorboard")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn tensorboard_reads_what_the_table_of_epochs_says() {
    let whole = whole();
    assert_eq!(event_files(&whole.folder).len(), 1);
    let test = "tensorboard_reads_what_the_table_of_epochs_says";
    read_by_tensorboard(&whole.folder, test);
}

/// Puts together a run with the state after epoch 2 and the events of all four epochs, followed by an incomplete
/// record. Resumed, it repeats epochs 3 and 4, which take other times than before. TensorBoard must show each epoch
/// once, with the numbers of the new table, such as images per second.
#[test]
fn events_of_repeated_epochs_are_superseded() {
    let whole = whole();
    let runs = folder("events");
    let run = whole.lay(&runs, &whole.files_after(2));
    fs_err::create_dir_all(run.join("tensorboard")).unwrap();
    let [written] = &event_files(&whole.folder)[..] else {
        panic!("one start, one file");
    };
    // The first 20 bytes are the beginning of a record.
    let mut bytes = fs_err::read(written).unwrap();
    bytes.extend_from_within(..20);
    let torn = run.join("tensorboard").join(written.file_name().unwrap());
    fs_err::write(&torn, bytes).unwrap();
    succeed(&mut whole.train(&runs));
    let files = event_files(&run);
    assert_eq!((files.len(), &files[0]), (2, &torn));
    read_by_tensorboard(&run, "events_of_repeated_epochs_are_superseded");
    // The same command for the finished run adds nothing.
    succeed(&mut whole.train(&runs));
    assert_eq!(event_files(&run), files);
    fs_err::remove_dir_all(runs).unwrap();
}

/// Trains with `--progress`; returns the content of its file at the end, which is JSON.
fn progress(whole: &Whole, runs: &Path, file: &Path) -> Value {
    let mut command = whole.train(runs);
    succeed(command.arg("--progress").arg(file));
    serde_json::from_slice(&fs_err::read(file).unwrap()).unwrap()
}

/// The progress file, which `cargo xtask status` reads, has the same fields as the recorded one that xtask's own
/// tests use.
#[test]
fn the_progress_file_is_as_status_expects_it() {
    let whole = whole();
    let root = folder("progress");
    let runs = root.join("runs");
    whole.lay(&runs, &whole.files_after(2));
    let found = progress(whole, &runs, &root.join("progress.json"));
    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/tests/fixtures/progress.json");
    let recorded: Value = serde_json::from_slice(&fs_err::read(recorded).unwrap()).unwrap();
    let fields = |value: &Value| -> Vec<(String, bool)> {
        let fields = value.as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| (name.clone(), value.is_array()));
        fields.collect()
    };
    assert_eq!(fields(&found), fields(&recorded));
    // At the end the curves have all epochs, also those before the state that the run resumed from.
    for curve in ["loss", "val_f1", "val_epg"] {
        assert_eq!(found[curve].as_array().unwrap().len(), EPOCHS, "{curve}");
    }
    assert_eq!(found["step"], 0);
    assert_eq!(found["seconds_left"], 0.0);
}

/// A progress file that cannot be written gives one warning, and the run ends with the same files as without the
/// option.
#[test]
fn a_progress_file_that_cannot_be_written_ends_nothing() {
    let whole = whole();
    let root = folder("no-progress");
    let runs = root.join("runs");
    whole.lay(&runs, &whole.files_after(3));
    let mut command = whole.train(&runs);
    let said = succeed(
        command
            .arg("--progress")
            .arg(root.join("none/progress.json")),
    )
    .stderr;
    let warnings = said.lines().filter(|line| line.starts_with("warning: "));
    assert_eq!(warnings.count(), 1, "{said}");
    assert!(said.contains("none/progress.json"), "{said}");
    whole.go_on(&runs, "without progress");
}

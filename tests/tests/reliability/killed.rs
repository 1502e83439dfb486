//! Runs that are killed in a training step, in validation, between writing any two files, or in the middle of writing
//! one. Each is resumed by the same command and must end with the same bits as a run that was never interrupted,
//! usually `whole()`.
//!
//! `lay` puts files that `whole()` had after an epoch into another folder, as a killed program leaves them; `go_on`
//! resumes there and asserts that the run ends with the same files as `whole()` (`made.rs`). A state,
//! `resume.safetensors`, has weights, optimizer and tables and is saved after each epoch; the one before it is kept as
//! `resume.previous.safetensors`. Checkpoints are the weights of the epochs that the run keeps.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use arrow::array::Float64Array;
use tests::programs::{run, succeed};
use tests::runs::{difference, train};
use tests::tables::read;

use crate::made::{Files, GUIDED, checkpoint_name, configure, draw, folder, whole};
use crate::safetensors::File;

/// The signal that Linux sends when a file grows beyond the process's limit.
const SIGXFSZ: i32 = 25;

/// Starts `command` without output.
fn start(command: &mut Command) -> Child {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.spawn().unwrap()
}

/// A pseudorandom generator: xorshift with the shifts 13, 7 and 17 (Marsaglia 2003).
struct Draws(u64);

impl Draws {
    /// Returns a number in [0, 1).
    fn next(&mut self) -> f64 {
        for (left, shift) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left {
                self.0 << shift
            } else {
                self.0 >> shift
            };
        }
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Kills a run up to six times, each time at a random moment and with another number of threads that prepare the data,
/// and resumes it. Most moments lie in a training step. At some the program has not yet come further than at the kill
/// before.
#[test]
fn at_random_steps_again_and_again_and_with_other_threads() {
    let whole = whole();
    for seed in [1, 2, 3] {
        let mut draws = Draws(seed);
        let runs = folder(&format!("random-{seed}"));
        for kills in 0..6 {
            let threads = 1 + kills % 4;
            let mut command = whole.train(&runs);
            let mut training = start(command.env("RAYON_NUM_THREADS", threads.to_string()));
            std::thread::sleep(whole.took.mul_f64(0.9 * draws.next()));
            if training.try_wait().unwrap().is_some() {
                break; // the rest of the run took less than the time until the kill
            }
            training.kill().unwrap();
            training.wait().unwrap();
        }
        whole.go_on(&runs, &format!("seed {seed}"));
    }
}

/// Kills a run twice in its second epoch, about a third of the way through validation. With 8 training and 240
/// validation images nearly all of an epoch is validation, so the moment need not be exact.
#[test]
fn during_validation() {
    let root = folder("validation");
    let (config, data) = (root.join("run.toml"), root.join("scenes"));
    draw(&data, 8, 240);
    configure(&config, 2, "layer = \"input\"", GUIDED);
    let alone = succeed(&mut train(&config, &data, &root.join("whole")));
    let expected = PathBuf::from(alone.stdout.trim_end());
    let rows = read(&expected.join("epochs.parquet")).unwrap().rows;
    // The value in the column `name` for the second epoch.
    let second = |name: &str| {
        let column: &Float64Array = rows
            .column_by_name(name)
            .unwrap()
            .as_any()
            .downcast_ref()
            .unwrap();
        column.value(1)
    };
    let training = 8.0 / second("images_per_second");
    let validation = second("seconds") - training;
    println!("{training} s of training, {validation} s of validation");

    let runs = root.join("killed");
    let found = runs.join(expected.file_name().unwrap());
    // This table is written when the first epoch ends, and again when a resumed run begins the second. Each time it
    // is a new file with a new inode, which shows that the second epoch begins.
    let table = found.join("epochs.parquet");
    let inode = || std::fs::metadata(&table).map_or(0, |table| table.ino());
    let (mut wait, mut kills) = (training + validation / 3.0, 0);
    while kills < 2 {
        let before = inode();
        let mut training_run = start(&mut train(&config, &data, &runs));
        while inode() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_secs_f64(wait));
        if training_run.try_wait().unwrap().is_some() {
            // The run ended before the kill, because the processor was busier while the time was measured. Wait less.
            fs_err::remove_dir_all(&runs).unwrap();
            (wait, kills) = (wait / 2.0, 0);
            continue;
        }
        training_run.kill().unwrap();
        training_run.wait().unwrap();
        kills += 1;
    }
    succeed(&mut train(&config, &data, &runs));
    assert_eq!(difference(&expected, &found).unwrap(), None);
}

/// Resumes from every set of files that a kill around the end of an epoch can leave, and from some that the order of
/// writing rules out (an epoch's row without its checkpoint). Before the new state is in place, the epoch's
/// checkpoint is there or not, its row is in the table or not, and the states are as before or between the two
/// renames, when there is only a previous one. After that, the checkpoints that are no longer kept are still there or
/// not. Beside them lie incomplete temporary files, as a killed writer leaves them.
#[test]
fn between_any_two_files() {
    let whole = whole();
    let mut cases = BTreeSet::new();
    for epoch in 1..=3 {
        let after = whole.files_after(epoch);
        let before = whole.files_after(epoch - 1);
        // The checkpoints of before and those that the new epoch adds.
        let grown: BTreeSet<i32> = before
            .checkpoints
            .union(&whole.kept(epoch))
            .copied()
            .collect();
        for table in [before.table, after.table] {
            for checkpoints in [&before.checkpoints, &grown] {
                for (newest, previous) in [(before.newest, before.previous), (None, before.newest)]
                {
                    let checkpoints = checkpoints.clone();
                    cases.insert(Files {
                        newest,
                        previous,
                        table,
                        checkpoints,
                    });
                }
            }
        }
        for checkpoints in [grown, after.checkpoints.clone()] {
            cases.insert(Files {
                checkpoints,
                ..after.clone()
            });
        }
    }
    let root = folder("between");
    for files in &cases {
        let runs = root.join("runs");
        let run = whole.lay(&runs, files);
        for name in [
            "epochs.parquet",
            "resume.safetensors",
            "checkpoints/epoch-0002.safetensors",
        ] {
            let (folder, name) = match name.split_once('/') {
                Some((folder, name)) => (run.join(folder), name),
                None => (run.clone(), name),
            };
            fs_err::write(folder.join(format!(".{name}.Ab12Cd.partial")), b"PAR1").unwrap();
        }
        let said = whole.go_on(&runs, &format!("{files:?}"));
        let position = match files.newest.or(files.previous) {
            Some(epoch) => format!(", going on after epoch {epoch}"),
            None => " on cpu\n".to_owned(), // it begins anew
        };
        assert!(
            said.contains(&position) && !said.contains("warning"),
            "{files:?}: {said}"
        );
    }
    println!("{} folders", cases.len());
}

/// A run killed after `run.parquet` was written, which makes it finished, and before the files that only an
/// unfinished run needs (states, lock, checkpoints that are not kept) were removed. The next call must remove them.
#[test]
fn at_the_very_end() {
    let whole = whole();
    let root = folder("end");
    let config = root.join("run.toml");
    configure(
        &config,
        2,
        "layer = \"final\"",
        "\n[init]\nfrom = \"scratch\"\n",
    );
    let alone = succeed(&mut train(&config, &whole.data, &root.join("whole")));
    let expected = PathBuf::from(alone.stdout.trim_end());
    let runs = root.join("killed");
    let found = runs.join(expected.file_name().unwrap());
    fs_err::create_dir_all(found.join("checkpoints")).unwrap();
    for name in ["run.toml", "epochs.parquet", "run.parquet"] {
        fs_err::copy(expected.join(name), found.join(name)).unwrap();
    }
    // A baseline (unguided run) keeps only the checkpoint of the epoch with the best F1, one of its two.
    let kept = fs_err::read_dir(expected.join("checkpoints")).unwrap();
    let [kept] = &kept.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()[..] else {
        panic!("a baseline keeps one epoch");
    };
    for epoch in [1, 2] {
        fs_err::copy(kept, found.join(checkpoint_name(epoch))).unwrap();
    }
    for name in ["resume.safetensors", "resume.previous.safetensors"] {
        fs_err::copy(whole.state(1), found.join(name)).unwrap();
    }
    fs_err::write(found.join("train.lock"), b"process 1 on another machine").unwrap();
    let said = succeed(&mut train(&config, &whole.data, &runs)).stderr;
    assert!(said.ends_with(" is finished\n"), "{said}");
    assert_eq!(difference(&expected, &found).unwrap(), None);
}

/// Kills a run while it writes a file: with a limit on the size of files, the system kills the process when the first
/// file exceeds it. A table has 4 kB, a checkpoint 14 MB, a state 41 MB, so the limits below hit each kind of file.
#[test]
fn while_a_file_is_written() {
    let whole = whole();
    let root = folder("writing");
    let mut cut = BTreeSet::new();
    // The epoch after which the run begins, and the limit in bytes.
    for (epoch, bytes) in [
        (1, 0),
        (1, 1000),
        (1, 10_000),
        (0, 5_000_001),
        (2, 13_700_000),
        (1, 20_000_000),
        (2, 40_000_000),
    ] {
        let runs = root.join("runs");
        let run = whole.lay(&runs, &whole.files_after(epoch));
        // The second start finds the temporary file that the first left, and must come as far as the first.
        for _ in 0..2 {
            let mut limited = Command::new("prlimit");
            limited.arg(format!("--fsize={bytes}")).arg("--");
            let training = whole.train(&runs);
            limited
                .arg(training.get_program())
                .args(training.get_args());
            let status = start(&mut limited).wait().unwrap();
            assert_eq!(status.signal(), Some(SIGXFSZ), "{bytes} bytes: {status}");
        }
        let names = cut_short(&run, bytes);
        // Of an epoch's files the state is written last: if the kill hits it, checkpoint and table are complete.
        if names.iter().any(|name| name.starts_with(".resume")) {
            let rows = read(&run.join("epochs.parquet")).unwrap().rows;
            assert_eq!(rows.num_rows(), epoch + 1);
            for kept in whole.kept(epoch + 1) {
                assert!(run.join(checkpoint_name(kept)).exists(), "epoch {kept}");
            }
        }
        cut.extend(names);
        whole.go_on(&runs, &format!("{bytes} bytes from epoch {epoch}"));
    }
    println!("{cut:?}");
    for part in ["epochs.parquet", "epoch-0001", "resume.safetensors"] {
        assert!(
            cut.iter().any(|name| name.contains(part)),
            "{part}: {cut:?}"
        );
    }
}

/// Returns the names of the temporary files in `run` and asserts that each was cut short after `bytes`.
fn cut_short(run: &Path, bytes: u64) -> Vec<String> {
    let folders = [run.to_owned(), run.join("checkpoints")];
    let entries = folders
        .iter()
        .flat_map(|folder| fs_err::read_dir(folder).unwrap());
    let entries = entries.map(|entry| entry.unwrap());
    let partial =
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "partial"));
    partial
        .map(|entry| {
            assert_eq!(entry.metadata().unwrap().len(), bytes, "{:?}", entry.path());
            entry.file_name().into_string().unwrap()
        })
        .collect()
}

/// A check of these tests themselves: `difference` must notice that a run was resumed from a wrong state. The state
/// "forgetful" has the moments of the optimizer Adam set to zero; "repeating" has the weights and optimizer of epoch 2,
/// but says that it was saved after epoch 1. Both have a matching hash, so the trainer accepts them.
#[test]
fn a_lost_optimizer_and_a_repeated_epoch_are_noticed() {
    let whole = whole();
    let root = folder("controls");
    let mut forgetful = File::read(&whole.state(2));
    for moment in ["adam.first", "adam.second"] {
        forgetful.tensor(moment).fill(0);
    }
    let (mut repeating, mut second) = (File::read(&whole.state(1)), File::read(&whole.state(2)));
    for name in repeating.names() {
        if name != "epochs" {
            repeating
                .tensor(&name)
                .copy_from_slice(second.tensor(&name));
        }
    }
    let unchanged = File::read(&whole.state(2));
    for (name, epoch, state, is_same) in [
        ("unchanged", 2, unchanged, true),
        ("forgetful", 2, forgetful, false),
        ("repeating", 1, repeating, false),
    ] {
        let runs = root.join(name);
        let found = whole.lay(&runs, &whole.files_after(epoch));
        state.write(&found.join("resume.safetensors"));
        let done = run(&mut whole.train(&runs));
        assert_eq!(done.code, Some(0), "{name}: {}", done.stderr);
        assert!(!done.stderr.contains("warning"), "{name}: {}", done.stderr);
        let difference = difference(&whole.folder, &found).unwrap();
        assert_eq!(difference.is_none(), is_same, "{name}: {difference:?}");
    }
}

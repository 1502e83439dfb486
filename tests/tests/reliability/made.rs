//! Trains one run without interruption ([`whole`]) and records every version of every file that was in its folder on
//! the way. From these [`Whole::lay`] puts together a run's folder as a killed program leaves it; [`Whole::go_on`]
//! resumes the run in such a folder and asserts that it ends like the uninterrupted one.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arrow::array::{BooleanArray, Int32Array};
use tests::programs::{program, run, succeed};
use tests::runs::{difference, train};
use tests::tables::read;

/// Epochs of the run. Which of their checkpoints are kept (those in the Pareto set of F1, EPG and IoU on the
/// validation images) may depend on rounding, and so on the processor. Tests read it from the run's own table
/// ([`Whole::kept`]).
pub const EPOCHS: usize = 4;
/// Options that all configurations share. The network is small, and a step has only 4 images, so that tests are quick.
const OPTIONS: &str = "backbone = \"efficientnet_lite0\"\nattribution = \"ixg\"\nlearning_rate = 5e-3\n\
                        batch_size = 4\nseed = 2\n";

/// A run that was never interrupted.
pub struct Whole {
    /// Its `run.toml`.
    pub config: PathBuf,
    /// The data folder it was trained on.
    pub data: PathBuf,
    /// The run's folder.
    pub folder: PathBuf,
    /// How long its training took.
    pub took: Duration,
    /// The folder with all versions of its files ([`record`]).
    recorded: PathBuf,
}

/// Which files are in the folder of a killed run: for each the epoch after which it was written, `None` where it is not
/// there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Files {
    /// `resume.safetensors`.
    pub newest: Option<usize>,
    /// `resume.previous.safetensors`.
    pub previous: Option<usize>,
    /// `epochs.parquet`.
    pub table: Option<usize>,
    /// The epochs whose checkpoint is there.
    pub checkpoints: BTreeSet<i32>,
}

/// Returns an empty folder for one test.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("reliability")
        .join(name);
    if folder.exists() {
        fs_err::remove_dir_all(&folder).unwrap();
    }
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

/// Makes a data folder of synthetic scenes of 32 × 32 pixels, with `train` training and `val` validation images.
pub fn draw(out: &Path, train: usize, val: usize) {
    let mut command = program("data-prep");
    command.arg("scenes").arg("--out").arg(out);
    command.args(["--train", &train.to_string(), "--val", &val.to_string()]);
    command.args(["--test", "8", "--shifted", "4", "--size", "32"]);
    succeed(&mut command);
}

/// Writes a run's configuration, `run.toml`. `top` has further top-level options, `rest` the tables such as `[init]`
/// and `[guidance]`.
pub fn configure(file: &Path, epochs: usize, top: &str, rest: &str) {
    let text = format!("name = \"run\"\n{OPTIONS}epochs = {epochs}\n{top}\n{rest}");
    fs_err::write(file, text).unwrap();
}

/// Tables of a `run.toml`: random initial weights, guided by the localization loss Energy with the weight λ = 0.05.
pub const GUIDED: &str =
    "\n[init]\nfrom = \"scratch\"\n\n[guidance]\nloss = \"energy\"\nlambda = 0.05\n";

/// Returns the uninterrupted run, which is trained on the first call: on 24 images, so in 6 steps an epoch.
pub fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let root = folder("whole");
        let (config, data) = (root.join("run.toml"), root.join("scenes"));
        draw(&data, 24, 8);
        configure(&config, EPOCHS, "layer = \"final\"", GUIDED);
        let runs = root.join("runs");
        let recorded = folder("recorded");
        let started = Instant::now();
        record(train(&config, &data, &runs), &runs, &recorded);
        let took = started.elapsed();
        let mut found = fs_err::read_dir(&runs).unwrap();
        Whole {
            config,
            data,
            folder: found.next().unwrap().unwrap().path(),
            took,
            recorded,
        }
    })
}

/// Runs `command` and keeps each version of the files in its run's folder, in `recorded` as `resume-N`, `epochs-N` and
/// `checkpoint-N` for epoch N. It looks every millisecond. The trainer replaces files and never writes into an
/// old one, so a hard link keeps the old version.
fn record(mut command: Command, runs: &Path, recorded: &Path) {
    let mut training = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The inodes of the versions so far, after a 0 so that the first version has index 1.
    let (mut states, mut tables) = (vec![0], vec![0]);
    loop {
        let status = training.try_wait().unwrap();
        let entries = std::fs::read_dir(runs).into_iter().flatten();
        if let Some(run) = entries.flatten().map(|entry| entry.path()).next() {
            for (file, name, versions) in [
                ("resume.safetensors", "resume", &mut states),
                ("epochs.parquet", "epochs", &mut tables),
            ] {
                let link = recorded.join(format!("{name}-{}", versions.len()));
                if std::fs::hard_link(run.join(file), &link).is_ok() {
                    let inode = fs_err::metadata(&link).unwrap().ino();
                    match versions.contains(&inode) {
                        true => fs_err::remove_file(&link).unwrap(),
                        false => versions.push(inode),
                    }
                }
            }
            for epoch in 1..=EPOCHS {
                let file = run.join(checkpoint_name(epoch as i32));
                let _ = std::fs::hard_link(file, recorded.join(format!("checkpoint-{epoch}")));
            }
        }
        if let Some(status) = status {
            assert!(status.success(), "{status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // The state after the last epoch may be missed, because it is removed as soon as the run is finished.
    assert!(states.len() >= EPOCHS, "{} states", states.len() - 1);
    assert_eq!(tables.len() - 1, EPOCHS);
}

/// Returns the path of an epoch's checkpoint in its run's folder.
pub fn checkpoint_name(epoch: i32) -> String {
    format!("checkpoints/epoch-{epoch:04}.safetensors")
}

impl Whole {
    /// The run's id.
    pub fn id(&self) -> OsString {
        self.folder.file_name().unwrap().to_owned()
    }

    /// Returns the command that trains the same run in another folder of runs, `runs`, or resumes it there.
    pub fn train(&self, runs: &Path) -> Command {
        train(&self.config, &self.data, runs)
    }

    /// Returns the recorded `resume.safetensors` after `epoch`.
    pub fn state(&self, epoch: usize) -> PathBuf {
        self.recorded.join(format!("resume-{epoch}"))
    }

    /// Returns the epochs whose checkpoints the run keeps after `epoch`, those in the Pareto set at that time.
    pub fn kept(&self, epoch: usize) -> BTreeSet<i32> {
        if epoch == 0 {
            return BTreeSet::new();
        }
        let rows = read(&self.recorded.join(format!("epochs-{epoch}")))
            .unwrap()
            .rows;
        let column = |name: &str| rows.column_by_name(name).unwrap();
        let epochs: &Int32Array = column("epoch").as_any().downcast_ref().unwrap();
        let kept: &BooleanArray = column("is_pareto").as_any().downcast_ref().unwrap();
        let rows = epochs.values().iter().zip(kept.values());
        rows.filter(|(_, is_kept)| *is_kept)
            .map(|(&epoch, _)| epoch)
            .collect()
    }

    /// Returns which files are in the run's folder while epoch `epoch` + 1 is trained. A checkpoint stays for one epoch
    /// after it has left the Pareto set, because the previous state may need it.
    pub fn files_after(&self, epoch: usize) -> Files {
        let (newest, before) = (Some(epoch).filter(|&n| n > 0), epoch.saturating_sub(1));
        let kept = self.kept(epoch);
        Files {
            newest,
            previous: Some(before).filter(|&n| n > 0),
            table: newest,
            checkpoints: kept.union(&self.kept(before)).copied().collect(),
        }
    }

    /// Puts copies of the recorded `files` together as this run's folder in `runs`, and returns its path.
    pub fn lay(&self, runs: &Path, files: &Files) -> PathBuf {
        let run = runs.join(self.id());
        fs_err::create_dir_all(run.join("checkpoints")).unwrap();
        let lay = |what: &str, epoch: usize, name: &str| {
            let recorded = self.recorded.join(format!("{what}-{epoch}"));
            fs_err::copy(recorded, run.join(name)).unwrap();
        };
        for (epoch, name) in [
            (files.newest, "resume.safetensors"),
            (files.previous, "resume.previous.safetensors"),
        ] {
            if let Some(epoch) = epoch {
                lay("resume", epoch, name);
            }
        }
        if let Some(epoch) = files.table {
            lay("epochs", epoch, "epochs.parquet");
        }
        for &epoch in &files.checkpoints {
            lay("checkpoint", epoch as usize, &checkpoint_name(epoch));
        }
        run
    }

    /// Resumes the run in `runs` by giving its command again, asserts that it ends with the same files as the
    /// uninterrupted run, and removes the folder `runs`. Returns its standard error. `what` names the case
    /// in messages.
    pub fn go_on(&self, runs: &Path, what: &str) -> String {
        let done = run(&mut self.train(runs));
        assert_eq!(done.code, Some(0), "{what}: {}", done.stderr);
        let found = difference(&self.folder, &runs.join(self.id())).unwrap();
        assert_eq!(found, None, "{what}");
        fs_err::remove_dir_all(runs).unwrap(); // some 100 MB each
        done.stderr
    }
}

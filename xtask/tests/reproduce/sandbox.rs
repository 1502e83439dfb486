//! Makes a temporary folder with stand-ins for the programs of the stages (data-prep, trainer, evaluator, analysis),
//! and runs `xtask` in it. A test tells the stand-ins what to do by files in the folder: `fail` (the call to fail),
//! `hang` and `hold` (training waits), `linger` (the call to sleep) and others; `stand_in.sh` describes them.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A recipe of four runs: a baseline, Energy guided at the final layer with two λ, and L1 at the input with
/// one. Its plan has 9 steps: data, baseline, 3 guided runs, 3 scores and the report.
pub const RECIPE: &str = r#"
about = "Four runs."
show = ["epg_f1", "panel"]
[data]
dataset = "scenes"
size = 32
[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"
[baseline]
epochs = 2
learning_rate = 1e-3
batch_size = 8
[guided]
epochs = 1
learning_rate = 1e-3
batch_size = 8
[[guided.grid]]
layer = ["final"]
loss = ["energy"]
lambda = [0.1, 0.2]
[[guided.grid]]
layer = ["input"]
loss = ["l1"]
lambda = [0.3]
"#;

/// How long a test waits for a stand-in. It takes far less, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder with the stand-ins. In it, `out` is the out folder and `calls` the list of their calls.
pub struct Sandbox {
    /// Its name has a space, as users' folders may have.
    folder: tempfile::TempDir,
}

/// How a command ended.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let folder = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reproduce/stand_in.sh");
        for stage in ["data-prep", "trainer", "evaluator", "analysis"] {
            symlink(&stand_in, folder.path().join(stage)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_xtask"), folder.path().join("xtask")).unwrap();
        Sandbox { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes a folder of own data, of which data-prep says that it has so many images to train, validate and test
    /// with. Returns its path.
    pub fn own_data(&self, [train, val, test]: [u32; 3]) -> String {
        let folder = self.path("cells");
        std::fs::create_dir(&folder).unwrap();
        let images = format!(r#""train": {train}, "val": {val}, "test": {test}"#);
        let others =
            r#""name": "cells", "prepared": false, "size": null, "classes": ["RBC"], "notes": []"#;
        self.write("survey", &format!("{{ {images}, {others} }}"));
        folder.to_str().unwrap().to_owned()
    }

    /// Waits until a stand-in that `child`, a process of `xtask`, has started has made the file `name`. Panics
    /// where the child ends before that, or a minute has passed.
    pub fn until(&self, child: &mut Child, name: &str) {
        let start = Instant::now();
        while !self.path(name).exists() {
            let ended = child.try_wait().unwrap();
            assert_eq!(ended, None, "xtask ended before there was a file {name}");
            assert!(start.elapsed() < PATIENCE, "no file {name} in a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// Makes the command `xtask reproduce` of `recipe`, without starting it.
    pub fn command(&self, recipe: &str, flags: &[&str]) -> Command {
        self.started_by(Command::new(env!("CARGO_BIN_EXE_xtask")), recipe, flags)
    }

    /// The same, with SIGHUP's default action, as in a terminal. If the tests themselves were started by
    /// `nohup`, programs would inherit that SIGHUP is ignored.
    pub fn command_hearing_hangups(&self, recipe: &str, flags: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_xtask")]);
        self.started_by(command, recipe, flags)
    }

    fn started_by(&self, mut command: Command, recipe: &str, flags: &[&str]) -> Command {
        self.write("recipe.toml", recipe);
        command
            .arg("reproduce")
            .arg("--recipe")
            .arg(self.path("recipe.toml"));
        command.arg("--out").arg(self.path("out"));
        command.arg("--programs").arg(self.path("")).args(flags);
        for name in ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs `xtask reproduce` of `recipe`.
    pub fn reproduce(&self, recipe: &str, flags: &[&str]) -> Done {
        done(self.command(recipe, flags))
    }

    /// Makes the command `xtask step` for one step of [`RECIPE`], without starting it.
    pub fn step_command(&self, key: &str) -> Command {
        self.write("recipe.toml", RECIPE);
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("step")
            .arg("--recipe")
            .arg(self.path("recipe.toml"));
        command.arg("--out").arg(self.path("out"));
        command.arg("--programs").arg(self.path("")).arg(key);
        command
    }

    /// Runs one step of [`RECIPE`].
    pub fn step(&self, key: &str) -> Done {
        done(self.step_command(key))
    }

    /// Runs `xtask` with these arguments.
    pub fn xtask(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments);
        done(command)
    }

    /// Returns what `xtask status` prints for the out folder.
    pub fn status(&self, flags: &[&str]) -> String {
        let out = self.path("out");
        let done = self.xtask(&[&["status", "--out", out.to_str().unwrap()], flags].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout
    }

    /// Returns, and empties, the list of the stand-ins' calls, in order.
    pub fn calls(&self) -> Vec<String> {
        let path = self.path("calls");
        let calls = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, "").unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

/// Runs `command` to its end.
pub fn done(mut command: Command) -> Done {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done {
        code: output.status.code().unwrap(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Runs `command` with stand-ins for Slurm's commands (`stand_in_slurm.sh`), which keep a queue in a file.
pub fn with_slurm(sandbox: &Sandbox, mut command: Command) -> Done {
    let folder = sandbox.path("slurm");
    if !folder.exists() {
        std::fs::create_dir(&folder).unwrap();
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reproduce");
        for name in ["sbatch", "squeue", "scontrol", "scancel", "sacct"] {
            symlink(tests.join("stand_in_slurm.sh"), folder.join(name)).unwrap();
        }
    }
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.display()));
    done(command)
}

/// Returns how many calls begin with `start`.
pub fn starting_with(calls: &[String], start: &str) -> usize {
    calls.iter().filter(|call| call.starts_with(start)).count()
}

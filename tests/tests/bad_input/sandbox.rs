//! Provides the valid inputs, and copies of them that tests may change. Texts and images lie in
//! `tests/fixtures/bad_input/valid`. What the programs make from them (a data folder, a run, maps, evaluations) is made
//! once for all tests of this binary. A run is one training; an evaluation is the scores of one checkpoint's
//! attribution maps.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;
use tests::programs::{program, succeed};

use crate::copy::Copy;

/// A valid input.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Valid {
    /// A VOC devkit of four images.
    Voc,
    /// Three images of COCO.
    Coco,
    /// Four images of Waterbirds.
    Waterbirds,
    /// A recipe (an experiment for `cargo xtask reproduce`), and a collection, which names recipes.
    Recipes,
    /// Networks that PyTorch exported, and a checkpoint.
    Networks,
    /// Everything that the programs make from the devkit: `data/voc`, `runs/r`, `maps.arrow`,
    /// `predictions.parquet`; and in `runs/r/evaluations` the evaluations `a` and `b`, two equal ones of the test
    /// images, and `val` of the validation image.
    Made,
}

/// `tests/fixtures/bad_input`.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad_input")
}

/// The folder of a test, in which its copies of an input lie.
pub struct Sandbox {
    root: PathBuf,
    /// The unchanged input.
    valid: PathBuf,
}

impl Sandbox {
    /// Makes a sandbox for the test `name` with the input `valid`.
    pub fn new(name: &str, valid: Valid) -> Self {
        let folder = |kind: &str| {
            // The copies are hard links to these files, so they must lie in the same file system.
            let folder = empty(&format!("{name}/original"));
            mirror(&fixtures().join("valid").join(kind), &folder, copy_file);
            folder
        };
        let root = tmp().join(name);
        let valid = match valid {
            Valid::Voc => folder("voc"),
            Valid::Coco => folder("coco"),
            Valid::Waterbirds => folder("waterbirds"),
            Valid::Recipes => folder("recipes"),
            Valid::Networks => folder("networks"),
            Valid::Made => made().to_owned(),
        };
        Self { root, valid }
    }

    /// Makes a fresh copy of the input. It consists of hard links, because weights are large, so a test must replace
    /// files (`change::replace`) and never write into one.
    pub fn copy(&self, name: &str) -> Copy {
        let folder = self.root.join(name);
        if folder.exists() {
            fs_err::remove_dir_all(&folder).unwrap();
        }
        let input = folder.join("in");
        fs_err::create_dir_all(&input).unwrap();
        mirror(&self.valid, &input, |from, to| {
            fs_err::hard_link(from, to).unwrap();
        });
        Copy {
            input,
            out: folder.join("out"),
        }
    }

    /// Removes the copy `name`.
    pub fn remove(&self, name: &str) {
        fs_err::remove_dir_all(self.root.join(name)).unwrap();
    }
}

/// Returns the folder of all sandboxes.
fn tmp() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad-input")
}

/// Makes the folder `name` among the sandboxes, empty.
fn empty(name: &str) -> PathBuf {
    let folder = tmp().join(name);
    if folder.exists() {
        fs_err::remove_dir_all(&folder).unwrap();
    }
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

fn copy_file(from: &Path, to: &Path) {
    fs_err::copy(from, to).unwrap();
}

/// Makes the folders of `from` in `to`, and each of its files by calling `file` with both paths.
fn mirror(from: &Path, to: &Path, file: fn(&Path, &Path)) {
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs_err::create_dir(&to).unwrap();
            mirror(&from, &to, file);
        } else {
            file(&from, &to);
        }
    }
}

/// Returns the folder with the results of data-prep, trainer and evaluator on the devkit, which are made on the first
/// call. Training uses one thread, so that results are the same each time.
fn made() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let root = empty("made");
        let with = |name: &str, words: &str| -> Command {
            let mut command = program(name);
            command.current_dir(&root).args(words.split(' '));
            command
        };
        let devkit = root.join("devkit");
        fs_err::create_dir(&devkit).unwrap();
        mirror(&fixtures().join("valid/voc"), &devkit, copy_file);
        let prepare = "voc --root devkit --out data/voc --size 32";
        succeed(&mut with("data-prep", prepare));
        for name in ["run.toml", "guided.toml"] {
            let config = fixtures().join("valid/made").join(name);
            fs_err::copy(config, root.join(name)).unwrap();
        }
        let train = "train --data data/voc --out runs --device cpu --threads 1 --config run.toml";
        let trained = succeed(&mut with("trainer", train));
        fs_err::rename(root.join(trained.stdout.trim()), root.join("runs/r")).unwrap();
        let explain = "explain --run runs/r --data data/voc --device cpu --maps maps.arrow \
                       --predictions predictions.parquet";
        succeed(&mut with("trainer", explain));
        let explain =
            "explain --run runs/r --data data/voc --device cpu --maps val.arrow --split val";
        succeed(&mut with("trainer", explain));
        let score = "score --maps val.arrow --data data/voc --out runs/r/evaluations/val";
        succeed(&mut with("evaluator", score));
        for name in ["a", "b"] {
            let evaluation = root.join("runs/r/evaluations").join(name);
            let score = "score --maps maps.arrow --predictions predictions.parquet \
                         --data data/voc --replicates 100 --examples 1 --out";
            succeed(with("evaluator", score).arg(evaluation));
        }
        root
    })
}

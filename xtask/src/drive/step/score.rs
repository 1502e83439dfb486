//! Evaluates one checkpoint with one kind of maps, by `trainer explain | evaluator score`: first on
//! validation images, which choose IoU's threshold, then on test images (SPEC B).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use anyhow::Result;
use fs_err as fs;

use super::workshop::{Workshop, finish};
use crate::drive::plan::cost::Work;
use crate::drive::recipe::{Maps, Run};
use crate::system::{files, process};

/// One checkpoint, scored with one kind of maps.
pub(crate) struct Score<'a> {
    shop: &'a Workshop<'a>,
    /// One of the runs that the checkpoint may be of; they differ in λ alone.
    run: &'a Run,
    folder: PathBuf,
    epoch: u32,
    maps: &'a Maps,
}

/// The split of an evaluation, and its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Split {
    /// Chooses the threshold.
    Val,
    /// Is reported.
    Test,
}

impl Split {
    fn name(self) -> &'static str {
        match self {
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

const SPLITS: [Split; 2] = [Split::Val, Split::Test];

impl<'a> Score<'a> {
    /// Of the checkpoint of `epoch` in the run folder `folder`.
    pub(super) fn new(
        shop: &'a Workshop<'a>,
        run: &'a Run,
        folder: PathBuf,
        epoch: u32,
        maps: &'a Maps,
    ) -> Self {
        Score {
            shop,
            run,
            folder,
            epoch,
            maps,
        }
    }

    /// For people.
    pub(super) fn what(&self) -> String {
        let Maps {
            attribution,
            layer,
            task,
        } = self.maps;
        let run_id = self.folder.file_name().unwrap_or_default();
        let task = match self.is_rescored() {
            true => format!(", {task}"),
            false => String::new(),
        };
        format!(
            "run {} epoch {}, {attribution} at {layer}{task}",
            run_id.to_string_lossy(),
            self.epoch
        )
    }

    /// Whether the run was trained for another task: a conventional baseline also serves as the
    /// reversed one (SPEC F.10).
    fn is_rescored(&self) -> bool {
        self.maps.task != self.run.task
    }

    /// Where the tables of `split` go.
    fn dir(&self, split: Split) -> PathBuf {
        let Maps {
            attribution,
            layer,
            task,
        } = self.maps;
        let (split, epoch) = (split.name(), self.epoch);
        let mut name = format!("{split}-{attribution}-{layer}-epoch-{epoch:04}");
        if self.is_rescored() {
            name += &format!("-{task}");
        }
        self.folder.join("evaluations").join(name)
    }

    /// The file with the options of the tables, which is written after them.
    fn stamp(&self, split: Split) -> PathBuf {
        self.dir(split).join("options.toml")
    }

    /// What decides the tables of `split`: the versions of the evaluator's formulas and tables, and its
    /// options.
    fn options(&self, split: Split) -> Result<String> {
        let mut options = self.shop.experiment.evaluation.clone();
        if split == Split::Val {
            (options.replicates, options.examples) = (0, 0);
        }
        let (versions, options) = (self.shop.versions()?, toml::to_string(&options)?);
        Ok(format!("{versions}{options}"))
    }

    /// Whether both evaluations are there, with these versions and options.
    pub(super) fn is_made(&self) -> Result<bool> {
        let [val, test] = SPLITS.map(|split| self.is_split_made(split));
        Ok(val? && test?)
    }

    fn is_split_made(&self, split: Split) -> Result<bool> {
        let is_there = self.dir(split).join("metrics.parquet").is_file();
        // A file that cannot be read tells nothing about the tables.
        let stamp = fs::read_to_string(self.stamp(split)).ok();
        Ok(is_there && stamp == Some(self.options(split)?))
    }

    /// Makes the evaluations that are missing; returns the cost.
    pub(super) fn make(&self) -> Result<[Work; 2]> {
        for split in SPLITS {
            if !self.is_split_made(split)? {
                self.make_split(split)?;
                self.shop.n_made.fetch_add(1, Ordering::Relaxed);
            }
        }
        let layer = &self.maps.layer;
        Ok(Work::of_score(self.shop.experiment, self.run, layer))
    }

    fn make_split(&self, split: Split) -> Result<()> {
        let dir = self.dir(split);
        files::make_folder(&dir)?;
        // Were it left, tables of old and new options could be taken for finished.
        if self.stamp(split).exists() {
            fs::remove_file(self.stamp(split))?;
        }
        let predictions = dir.join("predictions.parquet");
        let mut explain = self.explain(split, &predictions)?;
        let mut score = self.evaluate(split, &predictions)?;
        let readers = [
            self.shop.logged(&mut explain)?,
            self.shop.logged(&mut score)?,
        ];
        let what = format!("scoring {} images, {}", split.name(), self.what());
        let done = process::pipe(explain, score, &what, &self.shop.stop);
        finish(readers.into_iter().flatten());
        done.map_err(|error| self.shop.with_last_error(error))?;
        files::write(&self.stamp(split), &self.options(split)?)
    }

    fn explain(&self, split: Split, predictions: &Path) -> Result<Command> {
        let Maps {
            attribution,
            layer,
            task,
        } = self.maps;
        let mut command = self.shop.command("trainer")?;
        command.arg("explain").arg("--run").arg(&self.folder);
        command.arg("--data").arg(self.shop.data_dir(self.run.data));
        command.arg("--predictions").arg(predictions);
        command.args(["--checkpoint", &self.epoch.to_string()]);
        command.args(["--split", split.name(), "--task", task]);
        command.args(["--attribution", attribution, "--layer", layer]);
        command.args(["--maps", "-", "--device", &self.shop.device]);
        Ok(command)
    }

    fn evaluate(&self, split: Split, predictions: &Path) -> Result<Command> {
        let options = &self.shop.experiment.evaluation;
        let mut command = self.shop.command("evaluator")?;
        command.args(["score", "--maps", "-"]);
        command.arg("--predictions").arg(predictions);
        command.arg("--data").arg(self.shop.data_dir(self.run.data));
        command.arg("--out").arg(self.dir(split));
        command.args(["--threshold", &options.threshold.to_string()]);
        match split {
            Split::Val => {
                command.args(["--replicates", "0", "--examples", "0"]);
            }
            Split::Test => {
                command.args(["--replicates", &options.replicates.to_string()]);
                command.args(["--examples", &options.examples.to_string()]);
                command.arg("--threshold-from").arg(self.dir(Split::Val));
            }
        }
        command.stdout(Stdio::null());
        Ok(command)
    }
}

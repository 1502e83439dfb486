//! Evaluates one checkpoint with one kind of attribution maps, by `trainer explain | evaluator score`. It is
//! evaluated on validation images first, which choose IoU's threshold, and then on test images, whose numbers
//! are reported (SPEC B). Where a recipe asks for it, `trainer faithfulness` then measures how faithful the maps of
//! test images are (SPEC L); its table lies beside the evaluation's, under a stamp of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use anyhow::Result;
use fs_err as fs;

use super::workshop::{Saves, Workshop, finish};
use crate::drive::plan::cost::Work;
use crate::drive::recipe::{Maps, Run};
use crate::system::{files, process};

/// The evaluation of one checkpoint with one kind of maps.
pub(crate) struct Score<'a> {
    shop: &'a Workshop<'a>,
    /// One of the runs of the checkpoint's selection. It need not be the checkpoint's own, because they
    /// differ in λ alone.
    run: &'a Run,
    /// The folder of the checkpoint's run.
    folder: PathBuf,
    epoch: u32,
    maps: &'a Maps,
    /// Whether it is measured how faithful the maps are.
    is_measured: bool,
}

/// The split of images that are explained and scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Split {
    /// Its evaluation chooses IoU's threshold.
    Val,
    /// Its evaluation is reported.
    Test,
}

impl Split {
    /// Its name in the data tables and in the programs' options.
    fn name(self) -> &'static str {
        match self {
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

/// The file beside `faithfulness.parquet` with the options that it was made with; it is written after the table.
const MEASURED: &str = "faithfulness.toml";

/// In the order to evaluate them.
const SPLITS: [Split; 2] = [Split::Val, Split::Test];

impl<'a> Score<'a> {
    /// The evaluation of the checkpoint of this epoch in this run folder.
    pub(super) fn new(
        shop: &'a Workshop<'a>,
        run: &'a Run,
        (folder, epoch): (PathBuf, u32),
        maps: &'a Maps,
        is_measured: bool,
    ) -> Self {
        Score {
            shop,
            run,
            folder,
            epoch,
            maps,
            is_measured,
        }
    }

    /// A description for people.
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

    /// Whether the maps are for another task than the run was trained for. So a conventional baseline serves
    /// as the reversed one, too (SPEC C.4).
    fn is_rescored(&self) -> bool {
        self.maps.task != self.run.task
    }

    /// The folder of the evaluation on `split`.
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

    /// The file with the options that the evaluation was made with; it is written after the tables.
    fn stamp(&self, split: Split) -> PathBuf {
        self.dir(split).join("options.toml")
    }

    /// The content of that file, all that decides the tables of `split`: the versions of the evaluator's
    /// formulas and tables, and its options.
    fn options(&self, split: Split) -> Result<String> {
        let mut options = self.shop.experiment.evaluation.clone();
        if split == Split::Val {
            (options.replicates, options.examples) = (0, 0);
            options.metrics.clear();
        }
        let (versions, options) = (self.shop.versions()?, toml::to_string(&options)?);
        Ok(format!("{versions}{options}"))
    }

    /// Whether both evaluations are there, made with the current versions and options.
    pub(super) fn is_made(&self) -> Result<bool> {
        let [val, test] = SPLITS.map(|split| self.is_split_made(split));
        Ok(val? && test? && self.pairs_to_measure()?.is_none())
    }

    /// The number of pairs by which it is still to be measured how faithful the maps are; None where it is, or need
    /// not be.
    fn pairs_to_measure(&self) -> Result<Option<u32>> {
        let Some(pairs) = self.shop.experiment.evaluation.faithfulness else {
            return Ok(None);
        };
        if !self.is_measured {
            return Ok(None);
        }
        let dir = self.dir(Split::Test);
        let stamp = fs::read_to_string(dir.join(MEASURED)).ok();
        let is_made =
            dir.join("faithfulness.parquet").is_file() && stamp == Some(self.measured_with(pairs)?);
        Ok((!is_made).then_some(pairs))
    }

    /// The content of the file [`MEASURED`]: all that decides the table of `trainer faithfulness`.
    fn measured_with(&self, pairs: u32) -> Result<String> {
        let version = self.shop.faithfulness()?;
        Ok(format!("version = {version}\npairs = {pairs}\n"))
    }

    /// Whether the evaluation on `split` is there, made with the current versions and options.
    fn is_split_made(&self, split: Split) -> Result<bool> {
        let is_there = self.dir(split).join("metrics.parquet").is_file();
        // A file that cannot be read tells nothing about the tables.
        let stamp = fs::read_to_string(self.stamp(split)).ok();
        Ok(is_there && stamp == Some(self.options(split)?))
    }

    /// Makes what is missing: the evaluations on validation and test images, and how faithful the maps are. Returns
    /// the work of all.
    pub(super) fn make(&self) -> Result<Vec<Work>> {
        for split in SPLITS {
            if !self.is_split_made(split)? {
                self.make_split(split)?;
                self.shop.n_made.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (experiment, layer) = (self.shop.experiment, &self.maps.layer);
        let mut work = Work::of_score(experiment, self.run, layer).to_vec();
        if let Some(pairs) = self.pairs_to_measure()? {
            self.measure(pairs)?;
            self.shop.n_made.fetch_add(1, Ordering::Relaxed);
            work.extend(Work::of_faithfulness(experiment, self.run));
        }
        Ok(work)
    }

    /// Measures how faithful the maps of test images are. At SIGUSR2 the trainer is ended, and this is begun again
    /// the next time.
    fn measure(&self, pairs: u32) -> Result<()> {
        let dir = self.dir(Split::Test);
        let stamp = dir.join(MEASURED);
        if stamp.exists() {
            fs::remove_file(&stamp)?;
        }
        let mut command = self.trainer("faithfulness", Split::Test)?;
        command.arg("--out").arg(dir.join("faithfulness.parquet"));
        command.args(["--pairs", &pairs.to_string()]);
        let what = format!("measuring how faithful maps are, {}", self.what());
        self.shop.run(command, &what, Saves::Yes)?;
        files::write(&stamp, &self.measured_with(pairs)?)
    }

    /// Makes the evaluation on one split.
    fn make_split(&self, split: Split) -> Result<()> {
        let dir = self.dir(split);
        files::make_folder(&dir)?;
        // If the old stamp stayed and this program were killed, tables partly of old options would count as
        // finished.
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

    /// The `trainer explain` command, which writes maps to its stdout.
    fn explain(&self, split: Split, predictions: &Path) -> Result<Command> {
        let mut command = self.trainer("explain", split)?;
        command.arg("--predictions").arg(predictions);
        command.args(["--maps", "-"]);
        Ok(command)
    }

    /// A trainer's command about these maps of a split.
    fn trainer(&self, subcommand: &str, split: Split) -> Result<Command> {
        let Maps {
            attribution,
            layer,
            task,
        } = self.maps;
        let mut command = self.shop.command("trainer")?;
        command.arg(subcommand).arg("--run").arg(&self.folder);
        command.arg("--data").arg(self.shop.data_dir(self.run.data));
        command.args(["--checkpoint", &self.epoch.to_string()]);
        command.args(["--split", split.name(), "--task", task]);
        command.args(["--attribution", attribution, "--layer", layer]);
        command.args(["--device", &self.shop.device]);
        Ok(command)
    }

    /// The `evaluator score` command, which reads maps from its stdin.
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
                if !options.metrics.is_empty() {
                    command.args(["--metric", &options.metrics.join(",")]);
                }
                command.arg("--threshold-from").arg(self.dir(Split::Val));
            }
        }
        command.stdout(Stdio::null());
        Ok(command)
    }
}

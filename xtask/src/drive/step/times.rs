//! Times training steps of runs that are guided at different layers, in turn (`trainer step-times`): the step that
//! claim R9 needs. The table is `times/<n>.parquet` in the out folder; a file beside it, written after it, says of
//! which runs it is and of how many rounds.

use std::path::PathBuf;

use anyhow::{Context, Result};
use fs_err as fs;

use super::workshop::{Saves, Workshop};
use crate::drive::plan::cost::Work;
use crate::system::files;

impl Workshop<'_> {
    /// The table of the group of runs of this index, without its ending.
    fn times(&self, index: usize) -> PathBuf {
        let folder = self.folders.out.join("times");
        folder.join((index + 1).to_string())
    }

    /// The folders of the group's runs; None where one is not finished.
    fn timed(&self, index: usize) -> Result<Option<Vec<PathBuf>>> {
        let groups = self.experiment.timed();
        let mut folders = Vec::new();
        for &run in &groups[index] {
            match self.finished(run)? {
                Some(folder) => folders.push(folder),
                None => return Ok(None),
            }
        }
        Ok(Some(folders))
    }

    /// The number of rounds.
    fn rounds(&self) -> u32 {
        self.experiment.evaluation.step_times.unwrap_or(0)
    }

    /// What decides the table: its runs and rounds.
    fn timed_with(&self, folders: &[PathBuf]) -> String {
        let ids = folders.iter().filter_map(|folder| folder.file_name());
        let ids: Vec<_> = ids.map(|id| id.to_string_lossy()).collect();
        format!("rounds = {}\nruns = {ids:?}\n", self.rounds())
    }

    /// Whether the steps were timed, of the runs that the recipe has now.
    pub(super) fn is_timed(&self, index: usize) -> Result<bool> {
        let Some(folders) = self.timed(index)? else {
            return Ok(false);
        };
        let file = self.times(index);
        let stamp = fs::read_to_string(file.with_extension("toml")).ok();
        let is_there = file.with_extension("parquet").is_file();
        Ok(is_there && stamp == Some(self.timed_with(&folders)))
    }

    /// Times the steps. No work is returned, as rates are of long steps.
    pub(super) fn time(&self, index: usize) -> Result<Vec<Work>> {
        let folders = self.timed(index)?;
        let folders = folders.context("timing steps: found a run that is not finished")?;
        let (table, stamp) = (
            self.times(index).with_extension("parquet"),
            self.times(index).with_extension("toml"),
        );
        files::make_folder(&self.folders.out.join("times"))?;
        if stamp.exists() {
            fs::remove_file(&stamp)?;
        }
        let mut command = self.command("trainer")?;
        command.arg("step-times").args(&folders);
        command.args(["--rounds", &self.rounds().to_string()]);
        command.arg("--out").arg(table);
        command.args(["--device", &self.device]);
        self.run(command, "timing training steps", Saves::No)?;
        files::write(&stamp, &self.timed_with(&folders))?;
        Ok(Vec::new())
    }
}

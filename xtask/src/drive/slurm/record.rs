//! Keeps `slurm/jobs.toml` in the out folder, the record of submitted job arrays; each task of an array does one
//! step of the plan. An array's name is recorded before it is submitted, its id afterwards. If this program is
//! stopped in between, the next one still finds the array in Slurm by its name and folder, so nothing is submitted
//! twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::client::Task;
use crate::install::pip;
use crate::system::{files, paths};

/// The arrays submitted since the queue was last empty.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The number of arrays ever submitted; it makes the name of each unique.
    n_arrays: usize,
    /// The arrays, oldest first.
    #[serde(default, rename = "array")]
    pub(super) arrays: Vec<Submitted>,
}

/// One job array.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submitted {
    /// The name of the job in Slurm and of its files.
    pub(super) name: String,
    /// Slurm's id of the array; absent where this program was stopped before it was told.
    pub(super) id: Option<u64>,
    /// The keys of its steps, in the order of its tasks.
    pub(super) keys: Vec<String>,
}

/// Where a step is in Slurm: a task of the array with which it was last submitted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TaskId {
    /// The array's name.
    pub(super) name: String,
    /// The array's id in Slurm, if known.
    pub(super) id: Option<u64>,
    /// The task's index in the array.
    pub(super) index: usize,
}

impl Record {
    /// The path of the file.
    fn file(folder: &Path) -> PathBuf {
        folder.join("slurm/jobs.toml")
    }

    /// Reads the record of the reproduction in `folder`; empty where nothing was submitted.
    pub(super) fn read(folder: &Path) -> Result<Record> {
        let file = Record::file(folder);
        match file.is_file() {
            // A damaged record is an error: to begin an empty one would submit again what is in the queue.
            true => files::read_toml(&file).map_err(|error| {
                let shown = paths::shown(&file);
                let text =
                    format!("once none of its jobs is left in Slurm's queue, remove {shown}");
                pip::hint(error, &text)
            }),
            false => Ok(Record::default()),
        }
    }

    /// Writes the record of the reproduction in `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        files::write(&Record::file(folder), &toml::to_string(self)?)
    }

    /// Empties the record if none of its steps waits or runs (Slurm's answer is `tasks`). The plan may have
    /// changed since, so that the keys in the record stood for other steps.
    pub(super) fn forget_former(&mut self, tasks: &[(String, Task)]) {
        let is_active =
            |task_id: &TaskId| task_id.task(tasks).is_some_and(|task| !task.has_ended());
        if !self.task_ids().values().any(is_active) {
            self.arrays.clear();
        }
    }

    /// Adds an array of the steps `keys`, all of one stage, which is not submitted yet; returns its name.
    pub(super) fn add(&mut self, keys: Vec<String>) -> String {
        self.n_arrays += 1;
        let stage = keys.first().and_then(|key| key.split('/').next());
        let name = format!("{}.{}", stage.unwrap_or_default(), self.n_arrays);
        self.arrays.push(Submitted {
            name: name.clone(),
            id: None,
            keys,
        });
        name
    }

    /// Stores Slurm's job id of the array added last.
    pub(super) fn submitted(&mut self, id: u64) {
        if let Some(last) = self.arrays.last_mut() {
            last.id = Some(id);
        }
    }

    /// Every step that was submitted, with its last array task.
    pub(super) fn task_ids(&self) -> BTreeMap<&str, TaskId> {
        let mut task_ids = BTreeMap::new();
        for array in &self.arrays {
            for (index, key) in array.keys.iter().enumerate() {
                let (name, id) = (array.name.clone(), array.id);
                task_ids.insert(key.as_str(), TaskId { name, id, index });
            }
        }
        task_ids
    }
}

impl TaskId {
    /// The task among `tasks`, Slurm's answer as (name of the array, task); None where Slurm has forgotten it.
    pub(super) fn task<'a>(&self, tasks: &'a [(String, Task)]) -> Option<&'a Task> {
        let is_here =
            |(name, task): &&(String, Task)| *name == self.name && task.index == self.index;
        tasks.iter().find(is_here).map(|(_, task)| task)
    }
}

//! `slurm/jobs.toml`: what was submitted, by name. An array is written down before it is submitted,
//! and its id after: Slurm is asked by name and folder, so that a program that was stopped in between
//! submits nothing twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::client::Task;

/// Everything that was ever submitted for a folder, oldest first.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    #[serde(default, rename = "array")]
    pub(super) arrays: Vec<Submitted>,
}

/// One job array.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submitted {
    /// The job's name in Slurm, and of its files; no two of a folder have the same.
    pub(super) name: String,
    /// The job's id; none where the program was stopped before it knew.
    pub(super) id: Option<u64>,
    /// What its tasks are, in order.
    pub(super) keys: Vec<String>,
}

/// Where a step was submitted last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) id: Option<u64>,
    pub(super) index: usize,
}

impl Record {
    fn file(folder: &Path) -> PathBuf {
        folder.join("slurm/jobs.toml")
    }

    /// Of the reproduction in `folder`; empty where nothing was submitted.
    pub(super) fn read(folder: &Path) -> Result<Record> {
        let file = Record::file(folder);
        if !file.is_file() {
            return Ok(Record::default());
        }
        let record = toml::from_str(&fs::read_to_string(&file)?);
        record.with_context(|| format!("{}: expected a record of jobs", file.display()))
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let file = Record::file(folder);
        let mut new = tempfile::NamedTempFile::new_in(folder.join("slurm"))?;
        std::io::Write::write_all(&mut new, toml::to_string(self)?.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&file)
            .with_context(|| file.display().to_string())?;
        Ok(())
    }

    /// Every step that was submitted, with its last place.
    pub(super) fn places(&self) -> BTreeMap<&str, Place> {
        let mut places = BTreeMap::new();
        for array in &self.arrays {
            for (index, key) in array.keys.iter().enumerate() {
                let (name, id) = (array.name.clone(), array.id);
                places.insert(key.as_str(), Place { name, id, index });
            }
        }
        places
    }
}

impl Place {
    /// Its task among `tasks`, which come with their jobs' names.
    pub(super) fn task<'a>(&self, tasks: &'a [(String, Task)]) -> Option<&'a Task> {
        let is_here =
            |(name, task): &&(String, Task)| *name == self.name && task.index == self.index;
        tasks.iter().find(is_here).map(|(_, task)| task)
    }
}

//! Brings networks that a recipe names by a file (`file = "net.pt2"`) into a reproduction. `trainer describe`
//! tells their layers and methods. `trainer import` makes a weight file of each, in `networks` of the out folder;
//! the recipe's runs start from these weight files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::drive::recipe::NetworkFile;
use crate::drive::vocabulary::{Network, Vocabulary};
use crate::install::pip;
use crate::system::process::{self, BinDir};
use crate::system::{files, paths};

/// How the names of unfinished folders begin.
const PARTIAL: &str = ".partial-";

/// Adds what the trainer says about each of the networks to the networks of `vocabulary`.
///
/// # Errors
/// When a name is taken, or the trainer cannot read a file.
pub(crate) fn describe(
    networks: &[NetworkFile],
    programs: &BinDir,
    vocabulary: &mut Vocabulary,
) -> Result<()> {
    for network in networks {
        let place = &network.place;
        if let Some(fault) = network.unknown(&vocabulary.trainer) {
            bail!("{place}: {fault}");
        }
        let mut command = Command::new(programs.program("trainer")?);
        command.arg("describe").arg(&network.file);
        command.args(network.options()).arg("--json");
        let said = told(command, "describing", network)?;
        let entry: Network = serde_json::from_str(&said)
            .with_context(|| format!("{place}: trainer describe --json"))?;
        vocabulary.trainer.networks.push(Network {
            // A file that was imported under another name is here called as the recipe calls it.
            name: network.name.clone(),
            ..entry
        });
    }
    Ok(())
}

/// A weight file that is to be made of a network.
pub(crate) struct Import<'a> {
    network: &'a NetworkFile,
    /// The weight file.
    file: PathBuf,
    /// The file beside it that says what it was made from.
    record_file: PathBuf,
    record: Record,
}

/// What a weight file was made from: the content of the file beside it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// The checksum of the network's file.
    sha256: String,
    /// The options of `trainer import`.
    options: Vec<String>,
}

/// The networks without a weight file in `out` that was made from the same file with the same options.
pub(crate) fn to_import<'a>(networks: &'a [NetworkFile], out: &Path) -> Result<Vec<Import<'a>>> {
    let mut imports = Vec::new();
    for network in networks.iter().filter(|network| !network.is_imported()) {
        let file = network.weights(out);
        let folder = file.parent().context("a file is in a folder")?;
        let import = Import {
            network,
            record_file: folder.join(format!("{}.toml", network.name)),
            record: Record {
                sha256: pip::sha256(&network.file)?,
                options: network.options(),
            },
            file,
        };
        // A record that cannot be read tells nothing about the weights.
        let made_from = files::read_toml::<Record>(&import.record_file).ok();
        if !import.file.is_file() || made_from.as_ref() != Some(&import.record) {
            imports.push(import);
        }
    }
    Ok(imports)
}

impl Import<'_> {
    /// What a dry run says about it.
    pub(crate) fn announcement(&self) -> String {
        let NetworkFile { name, file, .. } = self.network;
        let source = paths::shown(file);
        match self.file.is_file() {
            true => format!(
                "the network {name} is first imported again, as {source} or what the recipe says about \
                 it is another: its runs may not be finished"
            ),
            false => format!("the network {name} is first imported from {source}"),
        }
    }

    /// Makes the weight file, whole or not at all. The trainer inherits `lock`, that of the out folder.
    ///
    /// # Errors
    /// When the trainer cannot import the network, or the file cannot be written.
    pub(crate) fn make(&self, programs: &BinDir, lock: &fs::File) -> Result<()> {
        let network = self.network;
        let folder = self.file.parent().context("a file is in a folder")?;
        files::make_folder(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                fs::remove_dir_all(entry.path())?; // left by a program that was killed
            }
        }
        // If the old record stayed and this program were killed after the rename of the weights below, the next
        // start might take it for the record of the new weights.
        if self.record_file.exists() {
            fs::remove_file(&self.record_file)?;
        }
        // In the same folder, so that the last step is a rename.
        let staging = tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempdir_in(folder)?;
        let made = staging
            .path()
            .join(self.file.file_name().context("a file has a name")?);
        let mut command = Command::new(programs.program("trainer")?);
        command.stdin(lock.file().try_clone()?);
        command.arg("import").arg(&network.file);
        command.arg("--out").arg(&made).args(network.options());
        eprintln!(
            "importing the network {} from {}",
            network.name,
            paths::shown(&network.file)
        );
        told(command, "importing", network)?;
        fs::File::open(&made)
            .and_then(|file| file.sync_all())
            .context("trainer import left no file")?;
        files::rename(&made, &self.file)?;
        files::write(&self.record_file, &toml::to_string(&self.record)?)?;
        // The trainer's own message names the temporary folder, so the final path is printed here.
        let shown = paths::shown(&self.file);
        eprintln!("the network {} is in {shown}", network.name);
        Ok(())
    }
}

/// Runs a command of the trainer's for `network` and returns its standard output. If it fails, the returned error
/// has the trainer's last line "error: …" and the line "hint: …" after it. Lines of the trainer before its error
/// go to this program's stderr.
fn told(mut command: Command, doing: &str, network: &NetworkFile) -> Result<String> {
    let last_error = Arc::new(Mutex::new(None::<String>));
    let said = Arc::clone(&last_error);
    let reader = process::read_stderr(&mut command, move |line| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        match (line.strip_prefix("error: "), &mut *said) {
            (Some(error), _) => *said = Some(error.to_owned()),
            (None, Some(said)) if line.starts_with("hint: ") => *said += &format!("\n{line}"),
            (None, Some(_)) => {}
            (None, None) => eprintln!("{line}"),
        }
    })?;
    let shown = paths::shown(&network.file);
    let done = process::capture(&mut command, &format!("{doing} {shown}"));
    // The command holds a writing end of the stderr pipe; the reader thread ends when all of them are closed.
    drop(command);
    reader.join().ok();
    let mut last_error = last_error.lock().unwrap_or_else(PoisonError::into_inner);
    done.map_err(|error| match last_error.take() {
        Some(said) => anyhow!("{}: {error:#}: {said}", network.place),
        None => anyhow!("{}: {error:#}", network.place),
    })
}

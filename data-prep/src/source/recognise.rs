//! `data-prep read`: recognises the format of a folder, says what it recognised, and reads it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::coco::{AnnotationFiles, Coco};
use super::entry::{Entry, Folder, Format};
use super::files::Files;
use super::list::SOURCES;
use super::naming::Naming;
use super::record::Source;
use super::table::{Tables, tables};
use super::tabular::Table;
use crate::error::{Error, quoted};
use crate::words;

/// What `data-prep read` is asked for.
#[derive(Debug, clap::Args)]
pub struct Read {
    /// The folder of the data set; may be left out with --images, or with --train, --val and --test.
    #[arg(required_unless_present_any = ["images", "train", "val", "test"])]
    folder: Option<PathBuf>,
    #[command(flatten)]
    tables: Tables,
    /// The format [default: recognised].
    #[arg(long, value_parser = formats())]
    format: Option<String>,
    /// What the data set is called [default: the published name where the folder is that data set, else
    /// the folder's name; data whose files are named (--train, --val, --test) is always own data].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    coco: AnnotationFiles,
}

/// The formats that can be read from a folder.
fn formats() -> Vec<&'static str> {
    SOURCES.iter().map(|source| source.name).collect()
}

impl Read {
    /// The folder, if it is a data folder, which data-prep has already made (it has `images.parquet`).
    pub fn made(&self) -> Option<&Path> {
        let folder = self.folder.as_deref()?;
        folder.join("images.parquet").is_file().then_some(folder)
    }

    /// The folder, if the user named one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Reads the data in the format that the options imply or name, else in the one recognised; `out` is the
    /// data folder to be made.
    ///
    /// # Errors
    /// When there is no such folder, it is of no known format, or its reader refuses it.
    pub fn open(&self, out: &Path, naming: Naming) -> Result<Source> {
        if self.tables.any() {
            let naming = naming.asked(self.name.as_deref());
            return self.tables.read(self.folder.as_deref(), &naming);
        }
        if !self.coco.is_empty() {
            return self.open_coco(out, naming);
        }
        let folder = self.folder.as_deref().context("no folder")?;
        if !folder.is_dir() {
            let found = if folder.exists() {
                "a file"
            } else {
                "no such folder"
            };
            return Err(Error::layout(folder, "data set", found, "a folder").into());
        }
        if self.made().is_some() {
            let found = "a data folder that data-prep has made";
            return Err(Error::layout(folder, "data set", found, "images and annotations").into());
        }
        let (entry, recognised) = match &self.format {
            Some(format) => {
                let named = SOURCES.iter().find(|source| source.name == format);
                (named.context("no such format")?, None)
            }
            None => {
                let (entry, recognised) = recognise(folder)?;
                (entry, Some(recognised))
            }
        };
        let options = Folder {
            root: folder.to_owned(),
            name: self.name.clone(),
        };
        let read = (entry.read)(options, out, naming);
        let refused = || {
            Error::layout(
                folder,
                "--format",
                entry.name,
                "a format that is read from a folder",
            )
        };
        let mut source = read.ok_or_else(refused)??;
        source.notes.splice(0..0, recognised);
        Ok(source)
    }

    /// Reads the COCO JSON files that are named.
    fn open_coco(&self, out: &Path, naming: Naming) -> Result<Source> {
        if let Some(format) = self.format.as_ref().filter(|format| *format != Coco::NAME) {
            let path = self.folder.clone().unwrap_or_default();
            let expected = "coco, or no --train, --val and --test, which name COCO JSON";
            return Err(Error::layout(path, "--format", format, expected).into());
        }
        let (folder, name) = (self.folder.clone(), self.name.clone());
        Coco::new(folder, name, self.coco.clone()).open(out, naming)
    }
}

/// Returns the first format of the list that recognises the folder, and a note on what was recognised, which also
/// names other formats that recognise it.
fn recognise(folder: &Path) -> Result<(&'static Entry, String)> {
    let says = |entry: &'static Entry| Some((entry, (entry.recognise)(folder)?));
    let mut recognised = SOURCES.iter().filter_map(says);
    let Some((entry, what)) = recognised.next() else {
        let mut expected =
            "annotations of one of the formats: data.yaml (YOLO), *.json (COCO), *.xml (VOC), \
                            boxes.csv (table), metadata.csv (Waterbirds)"
                .to_owned();
        if !tables(folder).is_empty() {
            expected += "; a table that lies elsewhere is read with --images DIR --boxes FILE";
        }
        return Err(Error::layout(folder, "format", seen(folder), expected).into());
    };
    let also: Vec<String> = recognised
        .map(|(entry, what)| format!("{what} (--format {})", entry.name))
        .collect();
    let note = match also.as_slice() {
        [] => format!("recognised: {what}"),
        also => format!("recognised: {what}; there is also {}", also.join(", ")),
    };
    Ok((entry, note))
}

/// Says what lies in a folder of no known format, for the error message.
fn seen(folder: &Path) -> String {
    let files = Files::below(folder).unwrap_or_default();
    let count = |extension| files.with_extension(extension).count();
    let mut seen: Vec<String> = seen_tables(folder).into_iter().collect();
    let kinds = [
        (
            "json",
            "without images, annotations and categories (--format coco says more)",
        ),
        (
            "xml",
            "that are not VOC's <annotation> (--format voc says more)",
        ),
        ("txt", "and no data.yaml or classes.txt that fits them"),
    ];
    for (extension, lack) in kinds {
        match count(extension) {
            0 => {}
            n => seen.push(format!("{n} *.{extension} {lack}")),
        }
    }
    match (seen.is_empty(), files.images().count()) {
        (false, _) => format!("nothing known: {}", seen.join("; ")),
        (true, 0) => "nothing known".to_owned(),
        (true, n) => format!("nothing known: {} alone", words::n_images(n)),
    }
}

/// Says which columns the first table of a folder has; `None` where there is no table.
fn seen_tables(folder: &Path) -> Option<String> {
    let paths = tables(folder);
    let first = paths.first()?;
    let name = first.file_name().unwrap_or_default().to_string_lossy();
    let columns = match Table::header(first) {
        Ok(table) => quoted(&table.columns().join(", ")),
        Err(_) => "no columns".to_owned(),
    };
    let files = match paths.len() {
        1 => "1 CSV or Parquet file".to_owned(),
        n => format!("{n} CSV or Parquet files"),
    };
    Some(format!(
        "{files} without the columns of boxes ({name}: {columns})"
    ))
}

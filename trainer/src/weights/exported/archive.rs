//! Finds the entries of a `.pt2` file (a zip archive that `torch.export.save` wrote) in the mapped file. They are
//! slices of the file, without a copy, because PyTorch stores them uncompressed. `read.rs` says what they hold.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::network::graph::problem::{GraphError, Problem, quote};
use crate::weights::zip_directory::{self, Entry, Packing};

/// Advice for a file of another kind.
const EXPORT: &str = "export the model with torch.export.export and save it with torch.export.save";
/// Advice for a file of an older PyTorch.
const EXPORT_AGAIN: &str = "export again with PyTorch 2.9 or later";
/// The first byte of a pickle.
const PICKLE: u8 = 0x80;

/// A file mapped into memory.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps the file for reading.
    ///
    /// # Errors
    /// A file that cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Self, GraphError> {
        let fail = |error| GraphError::Read {
            path: path.into(),
            error,
        };
        let file = File::open(path).map_err(fail)?;
        // SAFETY: the mapping is only read, as bytes. If someone shortens the file meanwhile, the program ends, as any
        // reader of mapped files would.
        Ok(Self(unsafe { Mmap::map(&file) }.map_err(fail)?))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A `.pt2` archive of a version that can be read.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    /// The entries by their name without the root folder.
    entries: BTreeMap<String, Entry<'a>>,
}

impl<'a> Archive<'a> {
    /// Finds the entries in the bytes of a file and checks that they are those of an exported network.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        if !bytes.starts_with(b"PK") {
            return Err(Problem::OtherKind {
                found: first_bytes(bytes),
                advice: EXPORT,
            });
        }
        let listed = zip_directory::read(bytes).map_err(|found| Problem::Entry {
            entry: "zip directory".into(),
            found,
            expected: "a whole archive, as torch.export.save writes it".into(),
        })?;
        let names: Vec<&str> = listed.iter().map(|entry| entry.name.as_str()).collect();
        refuse_other_kinds(&names)?;
        let root = root(&names)?.len() + 1;
        let entries = listed
            .into_iter()
            .map(|entry| (entry.name[root..].to_owned(), entry))
            .collect();
        let archive = Archive { entries };
        archive.expect("archive_format", "pt2", "the format of torch.export.save")?;
        if archive.has("data/weights/model.pt") || archive.has("data/constants/model.pt") {
            return Err(Problem::OtherKind {
                found: "weights in a pickle, as PyTorch 2.8 saves them".into(),
                advice: EXPORT_AGAIN,
            });
        }
        archive.expect("archive_version", "0", "the version this program reads")?;
        archive.expect("byteorder", "little", "little-endian numbers")?;
        Ok(archive)
    }

    /// Whether there is an entry of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The names of all entries that lie in `folder`.
    pub(crate) fn names_in<'b>(&'b self, folder: &'b str) -> impl Iterator<Item = &'b str> {
        let names = self.entries.keys().map(String::as_str);
        names.filter(move |name| name.starts_with(folder) && !name.ends_with('/'))
    }

    /// The bytes of an entry, after a check of their checksum.
    pub(crate) fn entry(&self, name: &str) -> Result<&'a [u8], Problem> {
        let fail = |found: String, expected: String| Problem::Entry {
            entry: format!("entry {}", quote(name)),
            found,
            expected,
        };
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| fail("no such entry".into(), "it in the archive".into()))?;
        let changed = match entry.packing {
            Packing::Stored => None,
            Packing::Deflated | Packing::Compressed => Some("compressed"),
            Packing::Encrypted => Some("encrypted"),
        };
        if let Some(changed) = changed {
            return Err(fail(
                format!("it {changed}"),
                "it stored, as torch.export.save does".into(),
            ));
        }
        let crc32 = crc32fast::hash(entry.bytes);
        if crc32 != entry.crc32 {
            return Err(fail(
                format!("bytes of checksum {crc32:08x}"),
                format!("{:08x}, as the archive's directory has it", entry.crc32),
            ));
        }
        Ok(entry.bytes)
    }

    /// Refuses an archive whose entry `name` does not hold `value`; `what` says in the error what the value means.
    fn expect(&self, name: &str, value: &str, what: &str) -> Result<(), Problem> {
        let found = self.entry(name)?.trim_ascii();
        if found == value.as_bytes() {
            return Ok(());
        }
        Err(Problem::Entry {
            entry: format!("entry {}", quote(name)),
            found: quote(&String::from_utf8_lossy(&found[..found.len().min(40)])),
            expected: format!("{value:?}, {what}"),
        })
    }
}

/// Says what kind of file it is, if it is no zip archive.
fn first_bytes(bytes: &[u8]) -> String {
    match bytes {
        [] => "an empty file".into(),
        [PICKLE, ..] => "a pickle, as torch.save writes it".into(),
        _ if bytes.get(8) == Some(&b'{') => "a safetensors file, which holds no graph".into(),
        _ => format!(
            "a file that starts with \"{}\"",
            bytes[..bytes.len().min(8)].escape_ascii()
        ),
    }
}

/// Refuses the other kinds of zip archives that PyTorch writes, which it tells by the names of their entries.
fn refuse_other_kinds(names: &[&str]) -> Result<(), Problem> {
    let has = |end: &str| {
        names.iter().any(|name| {
            let rest = name.strip_suffix(end);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    };
    let within = |part: &str| names.iter().any(|name| name.contains(part));
    let (found, advice) = if has("serialized_exported_program.json") {
        (
            "a network exported with PyTorch 2.7 or earlier",
            EXPORT_AGAIN,
        )
    } else if has("archive_format") {
        if names.iter().copied().any(is_program) || !within("/data/aotinductor/") {
            return Ok(());
        }
        (
            "a compiled network (AOTInductor), which holds no graph",
            EXPORT,
        )
    } else if has("constants.pkl") || within("/code/__torch__") {
        (
            "a TorchScript file, which PyTorch has replaced by torch.export",
            EXPORT,
        )
    } else if has("data.pkl") {
        (
            "a checkpoint of torch.save, which holds weights but no graph",
            EXPORT,
        )
    } else {
        ("a zip archive without the entry archive_format", EXPORT)
    };
    Err(Problem::OtherKind {
        found: found.into(),
        advice,
    })
}

/// Whether the entry `name`, root folder included, is the JSON of an exported network.
fn is_program(name: &str) -> bool {
    let name = name.split_once('/').map_or("", |(_, rest)| rest);
    name.starts_with("models/") && name.ends_with(".json")
}

/// Returns the folder in which all entries lie.
fn root<'a>(names: &[&'a str]) -> Result<&'a str, Problem> {
    let folder = |name: &'a str| name.split_once('/').map_or("", |(folder, _)| folder);
    let first = names.first().map_or("", |name| folder(name));
    for name in names {
        if folder(name).is_empty() || folder(name) != first {
            return Err(Problem::Entry {
                entry: format!("entry {}", quote(name)),
                found: "it outside the first entry's folder".into(),
                expected: format!("all entries in one folder, {}", quote(first)),
            });
        }
    }
    Ok(first)
}

//! Reads the two file formats of `torch.save`: a zip archive with one pickle and one entry for each storage
//! (a block of bytes with the elements of tensors), and the legacy format, five pickles followed by the
//! storages.
//!
//! `state_dict` describes the tensors that the pickle names; this file finds the bytes of their storages,
//! from which `tensor` copies the elements.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use flate2::read::DeflateDecoder;

use super::problem::Problem;
use super::tensor::{Budget, NamedTensor, View, element_size};
use super::value::{Tree, Value};
use super::{pickle, state_dict};
use crate::weights::zip_directory::{self, Entry, Packing};

/// The value of the first pickle of a legacy checkpoint, torch's magic number 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The value of the second pickle, the version of the legacy format.
const PROTOCOL: i64 = 1001;

/// Reads the tensors of a zip file. `key` names the entry of the checkpoint that is the state dict.
pub(super) fn read_zip(bytes: &[u8], key: Option<&str>) -> Result<Vec<NamedTensor>, Problem> {
    let listed = zip_directory::read(bytes).map_err(|found| Problem::Zip {
        entry: "directory".into(),
        found,
        expected: "a whole archive",
    })?;
    let entries: BTreeMap<&str, &Entry> = listed
        .iter()
        .map(|entry| (entry.name.as_str(), entry))
        .collect();
    let mut budget = Budget::for_file(bytes.len());

    // All entries lie in one folder, named after the file that was first written.
    let pickles: Vec<&str> = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.is_empty() || folder.ends_with('/'))
        .collect();
    let [folder] = pickles[..] else {
        return Err(Problem::Entries {
            found: match pickles.len() {
                0 => format!("{} other entries", entries.len()),
                several => format!("{several} of them"),
            },
            expected: "one data.pkl".into(),
        });
    };

    let byte_order = format!("{folder}byteorder");
    if entries.contains_key(byte_order.as_str()) {
        let order = read_entry(&entries, &byte_order, &mut budget)?;
        if *order != *b"little" {
            return Err(Problem::ByteOrder {
                found: format!("\"{}\"", order[..order.len().min(12)].escape_ascii()),
            });
        }
    }

    let object = read_entry(&entries, &format!("{folder}data.pkl"), &mut budget)?;
    let (tree, _) = pickle::load(&object, "data.pkl")?;
    let views = state_dict::views(&tree, key)?;

    let mut storages = HashMap::new();
    for view in &views {
        let key = &view.storage.key;
        if !storages.contains_key(key.as_ref()) {
            let entry = format!("{folder}data/{key}");
            let bytes = read_entry(&entries, &entry, &mut budget)?;
            storages.insert(key.to_string(), bytes);
        }
    }
    copy(&views, &storages, bytes.len())
}

/// Returns the unpacked bytes of the archive's entry `name`, and takes their number off `budget`.
fn read_entry<'a>(
    entries: &BTreeMap<&str, &Entry<'a>>,
    name: &str,
    budget: &mut Budget,
) -> Result<Cow<'a, [u8]>, Problem> {
    let fail = |found: String| Problem::Zip {
        entry: format!("{name:?}"),
        found,
        expected: "a stored or deflated entry",
    };
    let entry = entries.get(name).ok_or_else(|| Problem::Entries {
        found: "no such entry".into(),
        expected: format!("{name:?}"),
    })?;
    let bytes = match entry.packing {
        Packing::Stored => Cow::Borrowed(entry.bytes),
        Packing::Deflated => {
            // The size that an entry declares may be a lie, so it is the bytes that are counted.
            let limit = budget.left().min(entry.size) as u64;
            let mut bytes = Vec::new();
            DeflateDecoder::new(entry.bytes)
                .take(limit.saturating_add(1))
                .read_to_end(&mut bytes)
                .map_err(|error| fail(error.to_string()))?;
            Cow::Owned(bytes)
        }
        Packing::Compressed => return Err(fail("another compression".into())),
        Packing::Encrypted => return Err(fail("an encrypted entry".into())),
    };
    budget.spend(bytes.len(), || format!("entry {name:?}"))?;
    if bytes.len() > entry.size {
        return Err(fail(format!("more than its {} bytes", entry.size)));
    }
    let crc32 = crc32fast::hash(&bytes);
    if crc32 != entry.crc32 {
        return Err(fail(format!(
            "bytes of checksum {crc32:08x} instead of {:08x}",
            entry.crc32
        )));
    }
    Ok(bytes)
}

/// Reads the tensors of a legacy file. `key` names the entry of the checkpoint that is the state dict.
pub(super) fn read_legacy(bytes: &[u8], key: Option<&str>) -> Result<Vec<NamedTensor>, Problem> {
    let mut rest = bytes;
    let mut next = |part| -> Result<Tree, Problem> {
        let (tree, length) = pickle::load(rest, part)?;
        rest = &rest[length..];
        Ok(tree)
    };

    let magic = next("first")?;
    if !matches!(magic.get(magic.root()), Value::Long(bytes) if *bytes == MAGIC) {
        return Err(Problem::Legacy {
            part: "first value",
            found: magic.describe(magic.root()),
            expected: "the magic number of torch.save".into(),
        });
    }
    let protocol = next("protocol")?;
    if !matches!(protocol.get(protocol.root()), Value::Int(PROTOCOL)) {
        return Err(Problem::Legacy {
            part: "protocol",
            found: protocol.describe(protocol.root()),
            expected: PROTOCOL.to_string(),
        });
    }
    refuse_big_endian(&next("system")?)?;
    let tree = next("object")?;
    let keys = next("storage keys")?;

    let storages = read_storages(rest, &tree, &keys)?;
    let views = state_dict::views(&tree, key)?;
    copy(&views, &storages, bytes.len())
}

/// Refuses a file whose third pickle, about the system that wrote it, says that numbers are big-endian.
fn refuse_big_endian(system: &Tree) -> Result<(), Problem> {
    if let Value::Dict(entries) = system.get(system.root()) {
        for (key, value) in entries {
            if matches!(system.get(*key), Value::Str(key) if key == "little_endian")
                && *system.get(*value) != Value::Bool(true)
            {
                return Err(Problem::ByteOrder {
                    found: "little_endian not True".into(),
                });
            }
        }
    }
    Ok(())
}

/// Returns the bytes of each storage of a legacy file by its key. The storages follow each other in the
/// order of `keys`, each after its number of elements. The size of an element is known only from the
/// references to the storage in `tree`, the checkpoint.
fn read_storages<'a>(
    mut rest: &'a [u8],
    tree: &Tree,
    keys: &Tree,
) -> Result<HashMap<String, Cow<'a, [u8]>>, Problem> {
    let fail = |found: String, expected: &str| Problem::Legacy {
        part: "storages",
        found,
        expected: expected.into(),
    };
    let mut classes = HashMap::new();
    for id in tree.ids() {
        if let Some(storage) = state_dict::storage(tree, id) {
            classes.insert(storage.key, storage.class);
        }
    }
    let Value::List(ids) = keys.get(keys.root()) else {
        return Err(fail(keys.describe(keys.root()), "a list of their keys"));
    };
    let mut storages = HashMap::new();
    for &id in ids {
        let key = state_dict::text(keys, id)
            .ok_or_else(|| fail(format!("{} as a key", keys.describe(id)), "a string"))?;
        let class = classes
            .get(&key)
            .ok_or_else(|| fail(format!("key {key:?}"), "a key that the object refers to"))?;
        let element = element_size(class)
            .ok_or_else(|| fail(format!("class {class}"), "a storage class of torch"))?;
        let (length, after) = rest.split_first_chunk::<8>().ok_or_else(|| {
            fail(
                format!("the end of the file at storage {key:?}"),
                "its number of elements",
            )
        })?;
        let length = i64::from_le_bytes(*length);
        let data = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_mul(element))
            .and_then(|n_bytes| after.split_at_checked(n_bytes));
        let Some((data, after)) = data else {
            return Err(fail(
                format!("storage {key:?} of {length} elements of {element} bytes"),
                &format!("no more than the {} bytes left in the file", after.len()),
            ));
        };
        storages.insert(key.into_owned(), Cow::Borrowed(data));
        rest = after;
    }
    Ok(storages)
}

/// Returns the tensors that `views` describe, with their elements copied from `storages`.
fn copy(
    views: &[View],
    storages: &HashMap<String, Cow<'_, [u8]>>,
    file_length: usize,
) -> Result<Vec<NamedTensor>, Problem> {
    let mut budget = Budget::for_file(file_length);
    let mut tensors = Vec::with_capacity(views.len());
    for view in views {
        let storage = storages
            .get(view.storage.key.as_ref())
            .ok_or_else(|| Problem::Tensor {
                name: view.name.clone(),
                found: format!("storage {:?}, which is not in the file", view.storage.key),
                expected: "a storage of the file".into(),
            })?;
        tensors.push(view.copy(storage, &mut budget)?);
    }
    Ok(tensors)
}

//! Builds weight files byte by byte (pickle opcodes, zip archives, safetensors headers), so that a test can
//! make one wrong in any place. Functions whose result is a part of a pickle return the opcodes that build
//! the value.

use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

/// Opcodes for a string.
pub fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

/// Opcodes for a class or function of a Python module.
pub fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// Opcodes for a reference to a storage of one float (a persistent id); `key` is the opcodes of its key.
pub fn storage(key: &[u8]) -> Vec<u8> {
    let kind = [
        b"(".to_vec(),
        text("storage"),
        global("torch", "FloatStorage"),
    ]
    .concat();
    [kind, key.to_vec(), text("cpu"), b"K\x01tQ".to_vec()].concat()
}

/// Opcodes for a tensor as torch pickles it; each argument is the opcodes that build it.
pub fn tensor(storage: &[u8], offset: &[u8], size: &[u8], stride: &[u8]) -> Vec<u8> {
    let function = global("torch._utils", "_rebuild_tensor_v2");
    [
        &function[..],
        b"(",
        storage,
        offset,
        size,
        stride,
        b"\x89}tR",
    ]
    .concat()
}

/// Opcodes for a valid tensor: the one float of storage "0".
pub fn good_tensor() -> Vec<u8> {
    tensor(&storage(&text("0")), b"K\x00", b"K\x01\x85", b"K\x01\x85")
}

/// Opcodes for a dict with `value` under the key "w".
pub fn dict_of(value: &[u8]) -> Vec<u8> {
    [b"}", &text("w")[..], value, b"s"].concat()
}

/// Returns a checkpoint as `torch.save` writes it, whose object `pickle` builds (without the opcodes for the
/// protocol and the end).
pub fn zip_of(pickle: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x04", pickle, b"."].concat();
    zipped(&[("a/data.pkl", &pickle), ("a/data/0", &[0; 4])])
}

/// Returns an uncompressed archive of (name, content).
pub fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(entries, zip::CompressionMethod::Stored)
}

/// Returns a compressed archive of (name, content).
pub fn deflated(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(entries, zip::CompressionMethod::Deflated)
}

fn archive(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Returns the offset at which `signature` first occurs in `bytes`.
fn position(bytes: &[u8], signature: &[u8]) -> usize {
    bytes
        .windows(signature.len())
        .position(|window| window == signature)
        .unwrap()
}

/// Returns an archive with a compressed pickle of `length` bytes whose entry says that it has `declared`.
pub fn resized(length: usize, declared: u32) -> Vec<u8> {
    let mut bytes = deflated(&[("a/data.pkl", &vec![b']'; length])]);
    // The size stands in the entry's own header and in the archive's directory.
    for (signature, field) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let at = position(&bytes, signature) + field;
        bytes[at..at + 4].copy_from_slice(&declared.to_le_bytes());
    }
    bytes
}

/// Returns an archive whose ZIP64 end record says that `entries` entries are listed at `offset`.
pub fn zip64(entries: u64, offset: u64) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04".to_vec();
    let end = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [entries, entries, entries.saturating_mul(46), offset] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(end.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([0xff; 12]);
    bytes.extend([0; 2]);
    bytes
}

/// Returns the key of storage number `i`.
fn key(i: usize) -> String {
    format!("{i:03}")
}

/// Returns the pickle of a state dict of `n` tensors with a storage each.
fn storages(n: usize) -> Vec<u8> {
    let mut pickle = b"\x80\x04}".to_vec();
    for i in 0..n {
        let storage = storage(&text(&key(i)));
        pickle.extend(
            [
                text(&key(i)),
                tensor(&storage, b"K\x00", b"K\x01\x85", b"K\x01\x85"),
            ]
            .concat(),
        );
        pickle.push(b's');
    }
    pickle.push(b'.');
    pickle
}

/// Returns a state dict of `n` tensors with a storage each, a compressed megabyte.
pub fn megabytes(n: usize) -> Vec<u8> {
    let (pickle, megabyte) = (storages(n), vec![0; 1 << 20]);
    let names: Vec<String> = (0..n).map(|i| format!("a/data/{}", key(i))).collect();
    let storages = names.iter().map(|name| (name.as_str(), &megabyte[..]));
    let entries: Vec<(&str, &[u8])> = [("a/data.pkl", &pickle[..])]
        .into_iter()
        .chain(storages)
        .collect();
    deflated(&entries)
}

/// Returns a state dict of `n` tensors with a storage each. In the archive's directory, the entries of all
/// these storages point to the same compressed megabyte.
pub fn overlapping(n: usize) -> Vec<u8> {
    let (pickle, megabyte) = (storages(n), vec![0; 1 << 20]);
    let bytes = deflated(&[("a/data/000", &megabyte), ("a/data.pkl", &pickle)]);
    let directory = position(&bytes, b"PK\x01\x02");
    let (entries, end) = bytes.split_at(directory);
    let second = 4 + position(&end[4..], b"PK\x01\x02");
    let (same, end) = end.split_at(second);
    let last = position(end, b"PK\x05\x06");
    let (pickle, end) = end.split_at(last);
    let mut directory = pickle.to_vec();
    for i in 0..n {
        let mut entry = same.to_vec();
        let at = position(&entry, b"a/data/000") + 7;
        entry[at..at + 3].copy_from_slice(key(i).as_bytes());
        directory.extend(entry);
    }
    let mut end = end.to_vec();
    for field in [8, 10] {
        end[field..field + 2].copy_from_slice(&(n as u16 + 1).to_le_bytes());
    }
    end[12..16].copy_from_slice(&(directory.len() as u32).to_le_bytes());
    [entries, &directory, &end].concat()
}

/// Returns a checkpoint in torch's format before zip: the object's pickle, the storages' keys and bytes.
pub fn legacy(object: &[u8], keys: &[&str], storages: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let mut bytes = [
        &magic[..],
        b"\x80\x02M\xe9\x03.",
        b"\x80\x02}.",
        b"\x80\x02",
        object,
        b".",
    ]
    .concat();
    bytes.extend(b"\x80\x02](");
    bytes.extend(keys.iter().flat_map(|key| text(key)));
    bytes.extend(b"e.");
    bytes.extend(storages);
    bytes
}

/// Returns a safetensors file with this JSON header and `n_bytes` of zeros as data.
pub fn safetensors(header: &str, n_bytes: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; n_bytes]].concat()
}

/// Returns a safetensors header of one tensor.
pub fn entry(name: &str, dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
}

/// Returns a checkpoint of one tensor, given by its opcodes, under the key "w".
pub fn one(tensor: &[u8]) -> Vec<u8> {
    zip_of(&dict_of(tensor))
}

/// Returns the largest signed number of eight bytes, about 8 EiB, as a length.
pub fn huge() -> Vec<u8> {
    i64::MAX.to_le_bytes().to_vec()
}

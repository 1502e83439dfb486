//! Changes the trainer's safetensors files (checkpoints and saved states) for tests: the bytes of a tensor, and the
//! SHA-256 that the trainer stores inside the file. That hash is a line `sha256=…` in the header's metadata entry
//! `guidance`; it is computed over the whole file with 64 zeros in the place of the hash (docs/decisions.md).

use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A safetensors file taken apart.
pub struct File {
    /// The JSON header: each tensor's type, shape and offsets, and `__metadata__`.
    header: Map<String, Value>,
    /// The bytes of all tensors.
    data: Vec<u8>,
}

impl File {
    /// Reads a file: 8 bytes with the header's length, the header, the tensors.
    pub fn read(path: &Path) -> File {
        let bytes = fs_err::read(path).unwrap();
        let (length, rest) = bytes.split_first_chunk().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        File {
            header: serde_json::from_slice(header).unwrap(),
            data: data.to_vec(),
        }
    }

    /// Returns the names of the tensors.
    pub fn names(&self) -> Vec<String> {
        let names = self.header.keys().filter(|name| *name != "__metadata__");
        names.cloned().collect()
    }

    /// Returns a tensor's bytes, which may be changed.
    pub fn tensor(&mut self, name: &str) -> &mut [u8] {
        let offsets = self.header[name]["data_offsets"].as_array().unwrap();
        let [start, end] = [0, 1].map(|at| offsets[at].as_u64().unwrap() as usize);
        &mut self.data[start..end]
    }

    /// Writes the file with `run_id` as the run's id in its metadata, and with a matching hash.
    pub fn write_of(mut self, run_id: &str, path: &Path) {
        let said = self.header["__metadata__"]["guidance"].as_str().unwrap();
        let lines = said.lines().map(|line| match line.starts_with("run_id=") {
            true => format!("run_id={run_id}"),
            false => line.to_owned(),
        });
        self.header["__metadata__"]["guidance"] = Value::from(lines.collect::<Vec<_>>().join("\n"));
        self.write(path);
    }

    /// Writes the file with the hash that matches its content.
    pub fn write(mut self, path: &Path) {
        let said = self.header["__metadata__"]["guidance"].as_str().unwrap();
        let zeros = "0".repeat(64);
        let lines = said
            .lines()
            .map(|line| match line.starts_with("sha256=") {
                true => format!("sha256={zeros}"),
                false => line.to_owned(),
            })
            .collect::<Vec<_>>();
        let has_hash = lines.iter().any(|line| line.starts_with("sha256="));
        assert!(has_hash, "a file without a hash");
        self.header["__metadata__"]["guidance"] = Value::from(lines.join("\n"));
        let header = serde_json::to_string(&self.header).unwrap();
        let bytes = |header: &str| {
            let length = (header.len() as u64).to_le_bytes();
            [&length, header.as_bytes(), &self.data].concat()
        };
        let hash = Sha256::digest(bytes(&header));
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let header = header.replace(&format!("sha256={zeros}"), &format!("sha256={hash}"));
        fs_err::write(path, bytes(&header)).unwrap();
    }
}

/// Flips the lowest bit of the file's byte at offset `byte`.
pub fn flip_bit(path: &Path, byte: usize) {
    let mut bytes = fs_err::read(path).unwrap();
    bytes[byte] ^= 1;
    fs_err::write(path, bytes).unwrap();
}

/// Returns the byte offset of `text` in a file.
pub fn find(path: &Path, text: &str) -> usize {
    let bytes = fs_err::read(path).unwrap();
    let found = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes());
    found.unwrap()
}

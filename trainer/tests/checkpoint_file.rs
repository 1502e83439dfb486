//! Reads the weight files in `tests/fixtures/pth`. Good ones, as PyTorch and safetensors write them, must
//! give the tensors that `expected.toml` states; broken and hostile ones must be refused with the error that
//! it states. `make.py` there writes all these files.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use trainer::weights::checkpoint_file::{Dtype, NamedTensor, parse, read};
use trainer::weights::zip_directory;

/// `expected.toml`.
#[derive(Deserialize)]
struct Expected {
    read: Vec<ReadCase>,
    refused: Vec<RefusedCase>,
}

/// A file that is read.
#[derive(Deserialize)]
struct ReadCase {
    file: String,
    /// The entry of the file that holds the state dict; absent if the reader finds it itself.
    key: Option<String>,
    /// All its tensors, in order.
    tensors: Vec<ExpectedTensor>,
}

/// A file that is refused.
#[derive(Deserialize)]
struct RefusedCase {
    file: String,
    key: Option<String>,
    /// A part of the error.
    message: String,
}

#[derive(Deserialize)]
struct ExpectedTensor {
    name: String,
    /// By its name in PyTorch, e.g. `float32`.
    dtype: String,
    shape: Vec<usize>,
    /// Its bytes, contiguous and little-endian, in hexadecimal.
    data: String,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/pth")
        .join(name)
}

fn expected() -> Expected {
    toml::from_str(&fs_err::read_to_string(fixture("expected.toml")).unwrap()).unwrap()
}

/// Returns an expected tensor as the reader would.
fn named(tensor: &ExpectedTensor) -> NamedTensor {
    let dtype = match tensor.dtype.as_str() {
        "float64" => Dtype::F64,
        "float32" => Dtype::F32,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "int64" => Dtype::I64,
        "int32" => Dtype::I32,
        "int16" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "bool" => Dtype::Bool,
        other => panic!("dtype {other} in expected.toml"),
    };
    let data = (0..tensor.data.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&tensor.data[at..at + 2], 16).unwrap())
        .collect();
    NamedTensor {
        name: tensor.name.clone(),
        dtype,
        shape: tensor.shape.clone(),
        data,
    }
}

#[test]
fn tensors_are_those_torch_saved() {
    for case in expected().read {
        let tensors = read(&fixture(&case.file), case.key.as_deref()).unwrap();
        let wanted: Vec<_> = case.tensors.iter().map(named).collect();
        assert_eq!(tensors, wanted, "{}", case.file);
    }
}

#[test]
fn broken_and_hostile_files_are_refused_with_the_reason() {
    for case in expected().refused {
        let path = fixture(&case.file);
        let error = read(&path, case.key.as_deref()).unwrap_err().to_string();
        assert!(
            error.contains(&case.message) && error.starts_with(&path.display().to_string()),
            "{}: {error:?} does not say {:?}",
            case.file,
            case.message
        );
    }
    assert!(
        !Path::new("EXECUTED").exists(),
        "a payload of the fixtures was run"
    );
}

#[test]
fn every_fixture_has_a_case() {
    let Expected { read, refused } = expected();
    let cases: BTreeSet<String> = read
        .into_iter()
        .map(|case| case.file)
        .chain(refused.into_iter().map(|case| case.file))
        .collect();
    let files: BTreeSet<String> = fs_err::read_dir(fixture(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "make.py" && name != "expected.toml")
        .collect();
    assert_eq!(files, cases);
}

#[test]
fn a_missing_file_is_named() {
    let path = fixture("missing.pth");
    let error = read(&path, None).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[test]
fn a_safetensors_file_has_no_entry_to_choose() {
    let error = read(&fixture("types.safetensors"), Some("model")).unwrap_err();
    assert!(error.to_string().contains("entry \"model\""), "{error}");
}

/// A file cut short anywhere is an error. A changed byte may go unnoticed (in a name, in a legacy file's
/// numbers), but must not cause a panic, an endless loop, or a tensor whose shape and data disagree.
#[test]
fn damaged_files_give_an_error_or_tensors() {
    for name in [
        "model.pth",
        "types_deflated.pth",
        "views_legacy.pth",
        "types_legacy_protocol5.pth",
        "types.safetensors",
    ] {
        let path = fixture(name);
        let bytes = fs_err::read(&path).unwrap();
        for length in 0..bytes.len() {
            assert!(
                parse(&path, &bytes[..length], None).is_err(),
                "{name} cut to {length} bytes"
            );
        }
        for at in 0..bytes.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                for tensor in parse(&path, &damaged, None).unwrap_or_default() {
                    let n: usize = tensor.shape.iter().product();
                    assert_eq!(
                        tensor.data.len(),
                        n * tensor.dtype.size(),
                        "{name}, byte {at} ^ {flip:#x}, tensor {:?}",
                        tensor.name
                    );
                }
            }
        }
    }
}

/// A small archive in which a storage of a few bytes inflates to 64 MiB.
#[test]
fn a_zip_bomb_is_refused_while_it_is_read() {
    let path = fixture("one.pth");
    let mut archive = zip::ZipArchive::new(fs_err::File::open(&path).unwrap()).unwrap();
    let mut bomb = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        bomb.start_file(name.as_str(), zip::write::SimpleFileOptions::default())
            .unwrap();
        if name.ends_with("data/0") {
            bomb.write_all(&vec![0; 64 << 20]).unwrap();
        } else {
            std::io::copy(&mut entry, &mut bomb).unwrap();
        }
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20, "the writer compresses");
    let error = parse(Path::new("bomb.pth"), &bomb, None).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("bomb.pth: entry \"one/data/0\": found more than"),
        "{error}"
    );
}

/// Returns the checkpoint `bytes` as torch.save would write it to a file whose name is `stem`: the name is the root
/// folder of all entries, their bytes begin at multiples of 64, and sizes and checksums follow them.
fn saved_as(stem: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let entries = zip_directory::read(bytes).unwrap();
    for entry in &entries {
        let (_, within) = entry.name.split_once('/').unwrap();
        let name = format!("{stem}/{within}");
        let start = file.len();
        let name_length = (name.len() as u16).to_le_bytes();
        // The fields of a header: version 0; flags "sizes follow the bytes" and "names in UTF-8"; stored; no time.
        let kind = [0, 0, 8, 8, 0, 0, 0, 0, 0, 0];
        let unfilled = start + 30 + name.len() + 4;
        let padding = unfilled.next_multiple_of(64) - unfilled;
        file.extend([b"PK\x03\x04", &kind[..], &[0; 12], &name_length].concat());
        file.extend(((4 + padding) as u16).to_le_bytes());
        file.extend([name.as_bytes(), b"FB"].concat());
        file.extend((padding as u16).to_le_bytes());
        file.extend(vec![b'Z'; padding]);
        let sizes = [entry.crc32, entry.size as u32, entry.size as u32].map(u32::to_le_bytes);
        let sizes = sizes.concat();
        file.extend([entry.bytes, b"PK\x07\x08", &sizes].concat());
        directory.extend([b"PK\x01\x02\0\0", &kind[..], &sizes, &name_length].concat());
        directory.extend([0; 12]);
        directory.extend((start as u32).to_le_bytes());
        directory.extend(name.as_bytes());
    }
    // The end of the directory, first with numbers of 64 bits.
    let (n_entries, length, start) = (entries.len(), directory.len(), file.len());
    file.extend(directory);
    let end = file.len() as u64;
    file.extend([b"PK\x06\x06", &44u64.to_le_bytes()[..]].concat());
    file.extend([30, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [n_entries, n_entries, length, start] {
        file.extend((number as u64).to_le_bytes());
    }
    file.extend([b"PK\x06\x07\0\0\0\0", &end.to_le_bytes()[..]].concat());
    file.extend(1u32.to_le_bytes());
    let n_entries = (n_entries as u16).to_le_bytes();
    file.extend([b"PK\x05\x06\0\0\0\0", &n_entries[..], &n_entries].concat());
    let place = [length as u32, start as u32].map(u32::to_le_bytes);
    file.extend([&place.concat()[..], &[0; 2]].concat());
    file
}

/// The tensors must not depend on the length of the file's name, which is in every entry's name. With 21 characters,
/// a reader that guesses where the directory begins would start at its second entry: the first entry's header is
/// then as long as the 64-bit end of the directory.
#[test]
fn a_file_is_read_whatever_the_length_of_its_name() {
    let path = fixture("one.pth");
    let bytes = fs_err::read(&path).unwrap();
    let expected = parse(&path, &bytes, None).unwrap();
    for length in 1..=40 {
        let stem = "x".repeat(length);
        let tensors = parse(&path, &saved_as(&stem, &bytes), None);
        assert_eq!(tensors.unwrap(), expected, "a stem of {length} characters");
    }
}

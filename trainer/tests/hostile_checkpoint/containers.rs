//! Weight files whose container lies about its content: zip archives, legacy `torch.save` streams and
//! safetensors headers. Each must be refused with its reason and within the memory limit of `main.rs`.

use super::files::*;
use super::refused_in_bounds;

/// A case is its name, how the file is made, and how the error begins after the file's name.
#[test]
fn containers_that_lie_are_refused() {
    refused_in_bounds(&[
        (
            "no pickle",
            || zipped(&[("a/data.pickle", b"")]),
            "zip archive: found 1 other entries, expected one data.pkl",
        ),
        (
            "two pickles",
            || zipped(&[("a/data.pkl", b"."), ("b/data.pkl", b".")]),
            "zip archive: found 2 of them, expected one data.pkl",
        ),
        (
            "a storage outside its folder",
            || {
                one(&tensor(
                    &storage(&text("../../x")),
                    b"K\x00",
                    b"K\x01\x85",
                    b"K\x01\x85",
                ))
            },
            "zip archive: found no such entry, expected \"a/data/../../x\"",
        ),
        (
            "a bomb",
            || deflated(&[("a/data.pkl", &vec![b']'; 64 << 20])]),
            "entry \"a/data.pkl\": found more than",
        ),
        (
            "a size that is less than there is",
            || resized(64 << 20, 10),
            "zip archive, \"a/data.pkl\": found ",
        ),
        (
            "a size that is more than there is",
            || resized(100, 0xffff_fff0),
            "data.pkl pickle, byte 100: found 0 more bytes",
        ),
        (
            "a directory of 2⁶³ entries",
            || zip64(u64::MAX >> 1, 0),
            "zip archive, directory: found ",
        ),
        (
            "a directory outside the file",
            || zip64(1, u64::MAX - 7),
            "zip archive, directory: found ",
        ),
        (
            "only the end of an archive",
            || {
                [
                    b"PK\x03\x04".to_vec(),
                    b"PK\x05\x06".to_vec(),
                    vec![0xff; 18],
                ]
                .concat()
            },
            "zip archive, directory: found ",
        ),
        (
            "one compressed megabyte as hundreds of storages",
            || overlapping(400),
            "zip archive, directory: found entry \"a/data/001\" without its header at its place",
        ),
        (
            "hundreds of storages of a compressed megabyte",
            || megabytes(400),
            "entry \"a/data/",
        ),
        (
            "2⁶⁰ elements in a legacy storage",
            || {
                legacy(
                    &dict_of(&good_tensor()),
                    &["0"],
                    &(1_u64 << 60).to_le_bytes(),
                )
            },
            "legacy checkpoint, storages: found storage \"0\" of 1152921504606846976 elements of 4 bytes, expected no more than the 0 bytes left",
        ),
        (
            "a legacy storage nobody refers to",
            || legacy(&dict_of(&good_tensor()), &["7"], &[0; 12]),
            "legacy checkpoint, storages: found key \"7\", expected a key that the object refers to",
        ),
        (
            "a legacy key of a megabyte",
            || legacy(&dict_of(&good_tensor()), &[&"0".repeat(1 << 20)], &[0; 12]),
            "legacy checkpoint, storages: found a string as a key",
        ),
    ]);
}

#[test]
fn safetensors_headers_that_lie_are_refused() {
    refused_in_bounds(&[
        (
            "a header of 8 EiB",
            || [huge(), b"{}".to_vec()].concat(),
            "found a damaged safetensors file (",
        ),
        (
            "a header longer than the file",
            || [1000_u64.to_le_bytes().to_vec(), b"{}".to_vec()].concat(),
            "found a damaged safetensors file (",
        ),
        (
            "a header that is no JSON",
            || safetensors("{\"w\"", 0),
            "found a damaged safetensors file (",
        ),
        (
            "a header of depth",
            || safetensors(&format!("{{\"w\":{}", "[".repeat(1_000_000)), 0),
            "found a damaged safetensors file (",
        ),
        (
            "data beyond the file",
            || safetensors(&entry("w", "F32", "[2]", "[0,8]"), 4),
            "found a damaged safetensors file (",
        ),
        (
            "a gap",
            || safetensors(&entry("w", "F32", "[1]", "[4,8]"), 8),
            "found a damaged safetensors file (",
        ),
        (
            "more data than tensors",
            || safetensors(&entry("w", "F32", "[1]", "[0,4]"), 8),
            "found a damaged safetensors file (",
        ),
        (
            "an end before its start",
            || safetensors(&entry("w", "F32", "[1]", "[4,0]"), 4),
            "found a damaged safetensors file (",
        ),
        (
            "a negative size",
            || safetensors(&entry("w", "F32", "[-1]", "[0,4]"), 4),
            "found a damaged safetensors file (",
        ),
        (
            "a size of another product",
            || safetensors(&entry("w", "F32", "[3]", "[0,4]"), 4),
            "found a damaged safetensors file (",
        ),
        (
            "sizes that overflow",
            || safetensors(&entry("w", "F32", "[4294967296,4294967296,4]", "[0,4]"), 4),
            "found a damaged safetensors file (",
        ),
        (
            "an unknown type",
            || safetensors(&entry("w", "F33", "[1]", "[0,4]"), 4),
            "found a damaged safetensors file (",
        ),
        (
            "a type that nobody trains",
            || safetensors(&entry("w", "F8_E4M3", "[4]", "[0,4]"), 4),
            "tensor \"w\": found dtype F8_E4M3, expected one of float64",
        ),
        (
            "two tensors in the same bytes",
            || {
                safetensors(
                    r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                    4,
                )
            },
            "found a damaged safetensors file (",
        ),
        (
            "one name for two tensors",
            || {
                safetensors(
                    r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
                    8,
                )
            },
            "found a damaged safetensors file (",
        ),
    ]);
}

//! Weight files made to do harm: pickles that run a command, fill memory or never end, containers and
//! safetensors headers that lie. Each is refused with its reason, and takes no more memory than stated.
//!
//! Files of real PyTorch that are wrong in one place are in `checkpoint_file.rs`.

#![allow(clippy::unwrap_used)]

mod files;
#[path = "../../../tests/src/peak.rs"]
mod peak;

use std::path::Path;
use std::process::Command;

use files::*;
use peak::Peak;
use trainer::checkpoint_file::parse;

#[global_allocator]
static MEMORY: Peak = Peak;

/// What reading may take beyond a multiple of the file: full tables of values, memo and marks.
const MEMORY_LIMIT: usize = 400 << 20;

/// A file, by what it tries, how it is made, and how its refusal goes on behind the file's name.
type Case = (&'static str, fn() -> Vec<u8>, &'static str);

#[track_caller]
fn refused_in_bounds(cases: &[Case]) {
    let mut faults = Vec::new();
    for (name, make, message) in cases {
        let file = make();
        let (result, peak) = peak::of(|| parse(Path::new("f"), &file, None));
        let error = match result {
            Ok(_) => "it was read".to_owned(),
            Err(error) => error.to_string(),
        };
        if !error.starts_with(&format!("f: {message}")) || error.len() > 2000 {
            faults.push(format!("{name}: {error}"));
        }
        if peak > MEMORY_LIMIT + 32 * file.len() {
            faults.push(format!(
                "{name}: {peak} bytes of memory for a file of {}",
                file.len()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Pickles that run `touch EXECUTED` when Python loads them.
const PAYLOADS: [Case; 8] = [
    (
        "a call",
        || call("posix", "system"),
        "found an object of \"posix.system\" (which was not called)",
    ),
    (
        "a call by names on the stack",
        || {
            [
                b"\x80\x04\x8c\x05posix\x8c\x06system\x93".to_vec(),
                text("touch EXECUTED"),
                b"\x85R.".to_vec(),
            ]
            .concat()
        },
        "found an object of \"posix.system\" (which was not called)",
    ),
    (
        "an expression",
        || {
            [
                b"\x80\x02".to_vec(),
                global("builtins", "eval"),
                text("__import__('os').system('touch EXECUTED')"),
                b"\x85R.".to_vec(),
            ]
            .concat()
        },
        "found an object of \"builtins.eval\" (which was not called)",
    ),
    (
        "an instance by name",
        || {
            [
                b"\x80\x02(".to_vec(),
                text("touch EXECUTED"),
                b"iposix\nsystem\n.".to_vec(),
            ]
            .concat()
        },
        "data.pkl pickle, byte 23: found opcode 0x69, expected an opcode that torch.save writes",
    ),
    (
        "an instance of what is on the stack",
        || {
            [
                b"\x80\x02(".to_vec(),
                global("posix", "system"),
                text("touch EXECUTED"),
                b"o.".to_vec(),
            ]
            .concat()
        },
        "data.pkl pickle, byte 37: found opcode 0x6f, expected an opcode that torch.save writes",
    ),
    (
        "a new object",
        || new_object(b"\x85\x81."),
        "found an object of \"builtins.bytes\" (which was not called)",
    ),
    (
        "a new object with keywords",
        || new_object(b"\x85}\x92."),
        "found an object of \"builtins.bytes\" (which was not called)",
    ),
    (
        // The first state gives the object the function that the second is handed to.
        "a state",
        || {
            let made = [
                b"\x80\x02".to_vec(),
                global("argparse", "Namespace"),
                b")\x81".to_vec(),
            ]
            .concat();
            let first = [
                b"}".to_vec(),
                text("__setstate__"),
                global("posix", "system"),
                b"sb".to_vec(),
            ]
            .concat();
            [made, first, text("touch EXECUTED"), b"b.".to_vec()].concat()
        },
        "found an object of \"argparse.Namespace\" (which was not called)",
    ),
];

fn call(module: &str, name: &str) -> Vec<u8> {
    [
        b"\x80\x02".to_vec(),
        global(module, name),
        text("touch EXECUTED"),
        b"\x85R.".to_vec(),
    ]
    .concat()
}

/// `bytes(map(system, ["touch EXECUTED"]))`, both made by the opcodes for new objects.
fn new_object(end: &[u8]) -> Vec<u8> {
    let (bytes, map) = (global("builtins", "bytes"), global("builtins", "map"));
    let arguments = [
        global("posix", "system"),
        b"]".to_vec(),
        text("touch EXECUTED"),
        b"a\x86\x81".to_vec(),
    ]
    .concat();
    [b"\x80\x04".to_vec(), bytes, map, arguments, end.to_vec()].concat()
}

#[test]
fn no_pickle_runs_anything() {
    let folder = tempfile::tempdir().unwrap();
    for (name, pickle, message) in PAYLOADS {
        let file = folder.path().join("payload.pth");
        std::fs::write(&file, zipped(&[("a/data.pkl", &pickle())])).unwrap();
        let (error, _) = import(folder.path(), "payload.pth", &[]);
        assert!(
            error.starts_with(&format!("error: payload.pth: {message}")),
            "{name}: {error}"
        );
    }
    assert!(!folder.path().join("EXECUTED").exists());
}

/// The control of the test above: Python does what these pickles ask.
#[test]
fn python_would_run_the_same_pickles() {
    let Some(python) = std::env::var_os("GUIDANCE_PYTHON") else {
        println!("skipped: pickles that run a command, in Python: GUIDANCE_PYTHON is not set");
        return;
    };
    for (name, pickle, _) in PAYLOADS {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("payload.pkl"), pickle()).unwrap();
        let load = "import pickle; pickle.load(open('payload.pkl', 'rb'))";
        let mut python = Command::new(&python);
        let output = python
            .args(["-c", load])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            folder.path().join("EXECUTED").exists(),
            "{name}: {output:?}"
        );
    }
}

#[test]
fn a_call_in_the_place_of_a_value_is_not_made() {
    refused_in_bounds(&[
        (
            "an offset",
            || {
                one(&tensor(
                    &storage(&text("0")),
                    &call_of_system(),
                    b"K\x01\x85",
                    b"K\x01\x85",
                ))
            },
            "tensor \"w\": found a tensor storage, an object of \"posix.system\" (which was not called), a tuple of 1, a tuple of 1, expected a storage, an offset, sizes and strides",
        ),
        (
            "a storage's key",
            || {
                one(&tensor(
                    &storage(&call_of_system()),
                    b"K\x00",
                    b"K\x01\x85",
                    b"K\x01\x85",
                ))
            },
            "tensor \"w\": found a tensor storage, the integer 0",
        ),
        (
            "a persistent id",
            || {
                one(&tensor(
                    &[call_of_system(), b"Q".to_vec()].concat(),
                    b"K\x00",
                    b"K\x01\x85",
                    b"K\x01\x85",
                ))
            },
            "tensor \"w\": found a tensor storage, the integer 0",
        ),
        (
            "a tensor's name",
            || {
                zip_of(
                    &[
                        b"}".to_vec(),
                        call_of_system(),
                        good_tensor(),
                        b"s".to_vec(),
                    ]
                    .concat(),
                )
            },
            "tensor \"\": found an object of \"posix.system\" (which was not called) as its key, expected a string",
        ),
    ]);
    assert!(!Path::new("EXECUTED").exists());
}

/// A checkpoint of one tensor.
fn one(tensor: &[u8]) -> Vec<u8> {
    zip_of(&dict_of(tensor))
}

fn call_of_system() -> Vec<u8> {
    [
        global("posix", "system"),
        text("touch EXECUTED"),
        b"\x85R".to_vec(),
    ]
    .concat()
}

/// `n` entries of a dict that share all they can: the value in memo 0 under keys of one to four bytes.
fn shared_entries(n: u32) -> Vec<u8> {
    let mut pickle = b"}(".to_vec();
    for i in 0..n {
        pickle.extend([b'J']);
        pickle.extend(i.to_le_bytes());
        pickle.extend(b"h\x00");
    }
    pickle.push(b'u');
    pickle
}

fn megabyte() -> Vec<u8> {
    text(&"x".repeat(1 << 20))
}

#[test]
fn small_pickles_do_not_fill_memory() {
    refused_in_bounds(&[
        (
            "one long name before many",
            || {
                let inner = [
                    good_tensor(),
                    b"q\x000".to_vec(),
                    b"}".to_vec(),
                    megabyte(),
                    shared_entries(90_000),
                    b"s".to_vec(),
                ]
                .concat();
                zip_of(&inner)
            },
            "state dict: found a name of 1048576 bytes, expected at most 1024",
        ),
        (
            "one long storage key in many tensors",
            || {
                zip_of(
                    &[
                        tensor(&storage(&megabyte()), b"K\x00", b"K\x01\x85", b"K\x01\x85"),
                        b"q\x000".to_vec(),
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "tensor \"0\": found a tensor storage, the integer 0, a tuple of 1, a tuple of 1, expected a storage",
        ),
        (
            "a million sizes in many tensors",
            || {
                let sizes = [b"(".to_vec(), b"K\x01".repeat(1 << 20), b"t".to_vec()].concat();
                zip_of(
                    &[
                        tensor(&storage(&text("0")), b"K\x00", &sizes, &sizes),
                        b"q\x000".to_vec(),
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "data.pkl pickle, byte",
        ),
        (
            "half a million sizes in many tensors",
            || {
                let sizes = [b"(".to_vec(), b"K\x01".repeat(1 << 19), b"t".to_vec()].concat();
                zip_of(
                    &[
                        tensor(&storage(&text("0")), b"K\x00", &sizes, &sizes),
                        b"q\x000".to_vec(),
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "tensor \"0\": found a tensor storage, the integer 0, a tuple of 524288, a tuple of 524288, expected a storage",
        ),
        (
            "a long class name",
            || {
                zip_of(
                    &[
                        b"}".to_vec(),
                        text("w"),
                        global("torch", &"x".repeat(1 << 20)),
                        b"s".to_vec(),
                    ]
                    .concat(),
                )
            },
            "data.pkl pickle, byte 16: found no end of line, expected a module or class name",
        ),
        (
            "many tensors",
            || zip_of(&[good_tensor(), b"q\x000".to_vec(), shared_entries(200_000)].concat()),
            "state dict: found more tensors, expected at most 100000",
        ),
        (
            "names of shared texts",
            || {
                let half = text(&"x".repeat(250));
                let texts = [half.clone(), b"q\x000".to_vec(), half, b"q\x010]".to_vec()].concat();
                zip_of(&[texts, b"h\x00h\x01\x930".repeat(500_000)].concat())
            },
            "data.pkl pickle, byte 201446: found more names, expected at most 16777216 bytes",
        ),
        (
            "a full memo",
            || zip_of(&[b"]".to_vec(), b"\x94".repeat(6_000_000)].concat()),
            "data.pkl pickle, byte 2000004: found more memo entries",
        ),
        (
            "marks",
            || zip_of(&[b"]".to_vec(), b"(".repeat(7_000_000)].concat()),
            "data.pkl pickle, byte 7000004: found an empty stack",
        ),
        (
            "values",
            || zip_of(&b"]".repeat(3_000_000)),
            "data.pkl pickle, byte 2000003: found more values",
        ),
        (
            "copies of the top",
            || zip_of(&[b"](]".to_vec(), b"2".repeat(7_900_000), b"e".to_vec()].concat()),
            "found a list of 7900001, expected a dict of tensors",
        ),
        (
            "instructions",
            || zip_of(&[b"]".to_vec(), b"20".repeat(5_000_000)].concat()),
            "data.pkl pickle, byte 8000001: found more instructions",
        ),
        (
            "an integer of 2 GiB",
            || zip_of(b"\x8b\xff\xff\xff\x7f"),
            "data.pkl pickle, byte 7: found 1 more bytes, expected 2147483647",
        ),
        (
            "text of 8 EiB",
            || zip_of(&[b"\x8d".to_vec(), huge()].concat()),
            "data.pkl pickle, byte 11: found 1 more bytes, expected 9223372036854775807",
        ),
        (
            "bytes of 8 EiB",
            || zip_of(&[b"\x8e".to_vec(), huge()].concat()),
            "data.pkl pickle, byte 11: found 1 more bytes, expected 9223372036854775807",
        ),
        (
            "a byte array of 16 EiB",
            || zip_of(&[b"\x96".to_vec(), vec![0xff; 8]].concat()),
            "data.pkl pickle, byte 11: found 1 more bytes, expected 18446744073709551615",
        ),
        (
            "a frame of 8 EiB",
            || zip_of(&[b"\x95".to_vec(), huge(), b"]".to_vec()].concat()),
            "found a list of 0, expected a dict of tensors",
        ),
        (
            "an out-of-band buffer",
            || zip_of(b"\x97"),
            "data.pkl pickle, byte 3: found opcode 0x97",
        ),
        (
            "an extension",
            || zip_of(b"\x82\x01"),
            "data.pkl pickle, byte 3: found opcode 0x82",
        ),
    ]);
}

fn huge() -> Vec<u8> {
    i64::MAX.to_le_bytes().to_vec()
}

#[test]
fn depth_and_cycles_end() {
    const DEEP: usize = 1_000_000;
    refused_in_bounds(&[
        (
            "lists",
            || zip_of(&[b"]".repeat(DEEP), b"a".repeat(DEEP - 1)].concat()),
            "found a list of 1, expected a dict",
        ),
        (
            "tuples",
            || zip_of(&[b")".to_vec(), b"\x85".repeat(DEEP)].concat()),
            "found a tuple of 1, expected a dict",
        ),
        (
            "dicts",
            || {
                zip_of(
                    &[
                        text("d"),
                        b"q\x000".to_vec(),
                        b"}h\x00".repeat(DEEP - 1),
                        b"}".to_vec(),
                        b"s".repeat(DEEP - 1),
                    ]
                    .concat(),
                )
            },
            "state dict: found dicts nested deeper at \"d.d.d.",
        ),
        (
            "calls",
            || zip_of(&[b"N".to_vec(), b")R".repeat(DEEP - 1)].concat()),
            "found an object of unknown class",
        ),
        (
            "parameters of parameters, again and again",
            || {
                let wrap = global("torch._utils", "_rebuild_parameter");
                let layer = b"h\x01h\x00\x85Rq\x000".repeat(300_000);
                zip_of(
                    &[
                        good_tensor(),
                        b"q\x000".to_vec(),
                        wrap,
                        b"q\x010".to_vec(),
                        layer,
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "tensor \"0\": found an object of \"torch._utils._rebuild_parameter\"",
        ),
        (
            "a list in itself",
            || zip_of(b"]q\x00h\x00a"),
            "found a list of 1, expected a dict",
        ),
        (
            "the same entry again and again over as many",
            || {
                let entries = [b"}(".to_vec(), b"NN".repeat(200_000), b"uq\x010".to_vec()].concat();
                let root = [
                    b"}(".to_vec(),
                    text("model"),
                    b"q\x00h\x01".to_vec(),
                    b"h\x00h\x01".repeat(200_000),
                    b"u".to_vec(),
                ]
                .concat();
                zip_of(&[entries, root].concat())
            },
            "state dict: found more entries, expected at most 1000000",
        ),
    ]);
}

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

/// The program itself, with little memory: one line, exit code 2, no file, nothing left behind.
#[test]
fn the_program_refuses_them_within_a_memory_limit() {
    let cases: [(&str, Vec<u8>); 5] = [
        (
            "bomb.pth",
            deflated(&[("a/data.pkl", &vec![b']'; 64 << 20])]),
        ),
        (
            "deep.pth",
            zip_of(&[b")".to_vec(), b"\x85".repeat(1_000_000)].concat()),
        ),
        (
            "sizes.pth",
            legacy(
                &dict_of(&good_tensor()),
                &["0"],
                &(1_u64 << 60).to_le_bytes(),
            ),
        ),
        ("header.safetensors", [huge(), b"{}".to_vec()].concat()),
        // A hundred thousand classes of one weight each.
        (
            "classes.safetensors",
            safetensors(
                &entry("fc.weight", "F32", "[100000,1]", "[0,400000]"),
                400_000,
            ),
        ),
    ];
    for (name, bytes) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        // A page beyond the limit ends the program with a signal instead of its line.
        let (error, code) = import(folder.path(), name, &["ulimit -d 600000"]);
        assert_eq!(code, Some(2), "{name}: {error}");
        assert!(error.starts_with(&format!("error: {name}: ")), "{error}");
        assert_eq!(
            error.replace("\nhint: ", " ").trim_end().lines().count(),
            1,
            "{error}"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "{name}");
    }
}

/// Runs `trainer import FILE` in `folder` after the shell's `limits`: what it printed, and its exit code.
fn import(folder: &Path, file: &str, limits: &[&str]) -> (String, Option<i32>) {
    let trainer = env!("CARGO_BIN_EXE_trainer");
    let script = [
        limits,
        &["exec \"$0\" import \"$1\" --backbone resnet50 --out out.safetensors"],
    ]
    .concat();
    let output = Command::new("sh")
        .args(["-c", &script.join(" && "), trainer, file])
        .current_dir(folder)
        .output()
        .unwrap();
    (
        String::from_utf8(output.stderr).unwrap(),
        output.status.code(),
    )
}

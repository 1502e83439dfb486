//! Pickles that run a command when Python loads them: the trainer must refuse them and run nothing.

use std::path::Path;
use std::process::Command;

use super::files::*;
use super::{Case, import, refused_in_bounds};

/// Pickles that run `touch EXECUTED` when Python loads them, so that a file tells whether they did. Each name says by
/// which kind of opcode.
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
        // The first state sets `__setstate__` to `system`, which is then called with the second state.
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

/// A pickle that calls a function with the command.
fn call(module: &str, name: &str) -> Vec<u8> {
    [
        b"\x80\x02".to_vec(),
        global(module, name),
        text("touch EXECUTED"),
        b"\x85R.".to_vec(),
    ]
    .concat()
}

/// A pickle of `bytes(map(system, ["touch EXECUTED"]))`, in which both objects are made by opcodes for new
/// objects; `end` makes the outer one.
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

/// `trainer import` refuses each, and no file `EXECUTED` is there afterwards.
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

/// A call of `system` where a tensor's offset, storage key, storage or name belongs.
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

/// Opcodes for a call of `system` with the command.
fn call_of_system() -> Vec<u8> {
    [
        global("posix", "system"),
        text("touch EXECUTED"),
        b"\x85R".to_vec(),
    ]
    .concat()
}

//! Gives the trainer's reader weight files made to do harm: pickles that run a command (`running`), fill
//! memory or never end (`pickles`), containers that lie about their content (`containers`). Each must be
//! refused with its reason, within a memory limit.
//!
//! Files of real PyTorch that are wrong in one place are tested in `checkpoint_file.rs`.

#![allow(clippy::unwrap_used)]

mod containers;
mod files;
#[path = "../../../tests/src/peak.rs"]
mod peak;
mod pickles;
mod running;

use std::path::Path;
use std::process::Command;

use files::*;
use peak::Peak;
use trainer::weights::checkpoint_file::parse;

#[global_allocator]
static MEMORY: Peak = Peak;

/// The bytes that reading may allocate besides 32 times the file's size: what the pickle reader's stack, memo and
/// marks take at their bounds.
const MEMORY_LIMIT: usize = 400 << 20;

/// A hostile file: what it tries, how it is made, and how the error begins after the file's name.
type Case = (&'static str, fn() -> Vec<u8>, &'static str);

/// Asserts that each file is refused with its error, in a short message and within the memory limit.
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

/// `trainer import` with a limit of 600,000 KiB of memory: it must end with exit code 2 and one line (and perhaps a
/// hint), and write no file.
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
        // If it asked for more memory, it would be ended by a signal, without its error line.
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

/// Runs `trainer import FILE` in `folder` after the shell commands `limits`; returns its standard error and
/// its exit code.
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

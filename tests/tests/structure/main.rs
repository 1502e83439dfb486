//! Checks two rules for source files, which keep them readable. No file has more than 600 lines. And no files of a
//! crate import each other in a circle, so that one can read every file after those that it imports.

#![allow(clippy::unwrap_used)]

mod circles;
mod modules;

use std::path::{Path, PathBuf};

use fs_err as fs;

/// The most lines that a file may have.
const LONGEST: usize = 600;
/// Folders of the workspace's crates.
const CRATES: [&str; 6] = [
    "data-prep",
    "trainer",
    "evaluator",
    "analysis",
    "xtask",
    "tests",
];

/// The workspace's folder.
fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Adds every Rust file below `folder` to `found`; leaves out `target` and hidden folders.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                rust_files(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let mut files = Vec::new();
    for name in CRATES {
        rust_files(&workspace().join(name), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    let long: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let n_lines = fs::read_to_string(path).unwrap().lines().count();
            let path = path.strip_prefix(workspace()).unwrap();
            (n_lines > LONGEST).then(|| format!("{}: {n_lines} lines", path.display()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "expected at most {LONGEST} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for name in CRATES {
        let roots = modules::roots(&workspace().join(name));
        assert!(!roots.is_empty(), "{name}");
        for root in roots {
            circles.extend(circles::of(&modules::read(&root)));
        }
    }
    circles.dedup();
    let prefix = format!("{}/", workspace().display());
    let text = circles.join("\n").replace(&prefix, "");
    assert!(circles.is_empty(), "{} circles:\n{text}", circles.len());
}

/// Writes a crate of these files (path in `src`, text). Returns its folder, which is removed when it is dropped, and
/// the circles found in it.
fn crate_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join("src").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let roots = modules::roots(folder.path());
    let found = roots
        .iter()
        .flat_map(|root| circles::of(&modules::read(root)))
        .collect();
    (folder, found)
}

/// Checks that the search finds a circle: file a imports from b, and b from a, written in each way that Rust allows.
#[test]
fn a_circle_is_found_however_it_is_written() {
    for (from_b, what) in [
        ("use crate::a::A;", "an import"),
        ("use super::a;", "a module's import"),
        ("fn f() { crate::a::f(); }", "a path in code"),
        (
            "fn f() { println!(\"{}\", super::a::N); }",
            "a path in a macro",
        ),
        ("use crate::{c::C, a::{A, f}};", "a tree of imports"),
        ("use crate::A;", "a name that the parent passes on"),
        (
            "use crate::*;",
            "all that the parent passes on, with b's own parent",
        ),
        ("mod tests { use crate::a::A; }", "a module within the file"),
    ] {
        let lib = "mod a; mod b; mod c; pub use a::A; use b::B;";
        let a = "use crate::b::B; pub struct A; pub fn f() {} pub const N: u8 = 0;";
        let b = format!("{from_b} pub struct B;");
        let files = [
            ("lib.rs", lib),
            ("a.rs", a),
            ("b.rs", &b),
            ("c.rs", "pub struct C;"),
        ];
        let (_folder, found) = crate_of(&files);
        assert_eq!(found.len(), 1, "{what}: {found:?}");
    }
}

/// Neither a declaration (`mod low;`) nor a re-export (`pub use`) of a module's own child counts as an import: to
/// understand the parent one need not read the child first.
#[test]
fn declarations_and_what_a_parent_passes_on_are_no_imports() {
    let (_folder, found) = crate_of(&[
        ("lib.rs", "mod ground; pub mod room; pub use room::Model;"),
        ("ground.rs", "pub struct Ground;"),
        (
            "room/mod.rs",
            "mod low; mod high; pub use high::Model; pub(crate) use low::*;",
        ),
        ("room/low.rs", "use crate::ground::Ground; pub struct Low;"),
        (
            "room/high.rs",
            "use super::Low; use crate::room::low; pub struct Model;",
        ),
    ]);
    assert_eq!(found, Vec::<String>::new());
    // A parent that uses a child's name itself, without `pub`, does import it.
    let (_folder, found) = crate_of(&[
        ("lib.rs", "mod room;"),
        ("room/mod.rs", "mod low; use low::Low; pub struct Shared;"),
        ("room/low.rs", "use super::Shared; pub struct Low;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
}

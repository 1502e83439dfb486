//! Tests which files `analysis` removes from its output folder. It keeps a list, `written.sha256`, of the files
//! that it writes into `tables/`, `figures/` and `gallery/`. A later call of the program removes the listed files
//! that it does not write itself, as long as they are unchanged, and leaves all other files alone.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Run, reaches, results};
use tempfile::TempDir;

/// Returns a results folder with a baseline and a run guided by Energy.
fn world() -> TempDir {
    results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        Run::guided("e", "energy").scored(reaches(0.79, 0.60)),
    ])
}

/// Runs `analysis <command>`, with a `--show` for each of `shows`; returns its exit code and standard error.
fn make(command: &str, results: &Path, out: &Path, shows: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args([command, "--results"])
        .arg(results)
        .arg("--out")
        .arg(out)
        .args(shows.iter().flat_map(|name| ["--show", name]))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

/// Returns the names of the files in a folder, sorted; none where it does not exist.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs_err::DirEntry>| entry.unwrap().file_name();
    let names = entries.map(|entry| name(entry).to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Returns the names of the four files of a table.
fn four(name: &str) -> Vec<String> {
    let formats = ["csv", "md", "parquet", "tex"];
    formats.map(|format| format!("{name}.{format}")).into()
}

/// Returns the names of the two files of a figure.
fn two(name: &str) -> Vec<String> {
    ["png", "svg"]
        .map(|format| format!("{name}.{format}"))
        .into()
}

#[test]
fn what_a_report_no_longer_writes_goes() {
    let (dir, out) = (world(), TempDir::new().unwrap());
    let (tables, figures) = (out.path().join("tables"), out.path().join("figures"));
    make("report", dir.path(), out.path(), &["epg_f1", "verdicts"]);
    // A file of the user's.
    fs_err::write(figures.join("mine.svg"), "mine").unwrap();
    // One of the user's, with a name that a report might write.
    fs_err::write(tables.join("iou_f1.md"), "mine, too").unwrap();
    // One that the report wrote and the user changed.
    fs_err::write(tables.join("verdicts.md"), "changed by hand").unwrap();
    let (code, stderr) = make("report", dir.path(), out.path(), &["selection"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(names(&tables), ["iou_f1.md", "verdicts.md"]);
    let mut expected = two("selection");
    expected.insert(0, "mine.svg".to_owned());
    assert_eq!(names(&figures), expected);
    let removed = format!(
        "removed {}, of an earlier run",
        tables.join("epg_f1.md").display()
    );
    assert!(stderr.contains(&removed), "{stderr}");
    let kept = format!(
        "note: {}: of an earlier run, but changed",
        tables.join("verdicts.md").display()
    );
    assert!(stderr.contains(&kept), "{stderr}");
    // A report that writes the changed file again owns it again, so the next one removes it.
    make("report", dir.path(), out.path(), &["verdicts"]);
    make("report", dir.path(), out.path(), &["epg_f1"]);
    let mut expected = four("epg_f1");
    expected.push("iou_f1.md".to_owned());
    assert_eq!(names(&tables), expected);
    // The list has the format of `sha256sum`: the hash, two blanks, the path.
    let list = fs_err::read_to_string(out.path().join("written.sha256")).unwrap();
    let listed: Vec<&str> = list
        .lines()
        .filter_map(|line| Some(line.split_once("  ")?.1))
        .collect();
    let mut ours: Vec<String> = four("epg_f1")
        .iter()
        .map(|n| format!("tables/{n}"))
        .collect();
    ours.extend(two("epg_f1").iter().map(|n| format!("figures/{n}")));
    let mut found: Vec<String> = listed.iter().map(|n| (*n).to_owned()).collect();
    ours.sort();
    found.sort();
    assert_eq!(found, ours);
}

/// `figures` removes only old figures, `tables` only old tables.
#[test]
fn each_command_keeps_its_own_folder() {
    let (dir, out) = (world(), TempDir::new().unwrap());
    let (tables, figures) = (out.path().join("tables"), out.path().join("figures"));
    make("figures", dir.path(), out.path(), &["epg_f1"]);
    make("tables", dir.path(), out.path(), &["verdicts"]);
    assert_eq!(names(&figures), two("epg_f1"));
    make("tables", dir.path(), out.path(), &["epg_f1"]);
    assert_eq!(names(&tables), four("epg_f1"));
    assert_eq!(names(&figures), two("epg_f1"));
    make("figures", dir.path(), out.path(), &["selection"]);
    assert_eq!(names(&figures), two("selection"));
    assert_eq!(names(&tables), four("epg_f1"));
    // The exhibit `verdicts` has no figure.
    make("figures", dir.path(), out.path(), &["verdicts"]);
    assert!(names(&figures).is_empty());
}

/// Files are listed before they are written. So after a report was killed, the next one knows what it
/// left, and removes it.
#[test]
#[cfg(target_os = "linux")]
fn what_a_killed_report_has_written_is_known() {
    let (dir, out) = (world(), TempDir::new().unwrap());
    let whole = TempDir::new().unwrap();
    make("report", dir.path(), whole.path(), &["selection"]);
    let folders = ["", "tables", "figures"].map(|folder| whole.path().join(folder));
    let files = folders.iter().flat_map(|folder| {
        let paths = names(folder).into_iter().map(|name| folder.join(name));
        paths.filter(|path| path.is_file())
    });
    let largest = files
        .map(|file| fs_err::metadata(file).unwrap().len())
        .max();
    make("report", dir.path(), out.path(), &["epg_f1"]);
    // The limit on file sizes kills the program (SIGXFSZ) when it writes the largest file: report.html,
    // or a PNG, which is written after its SVG.
    let killed = Command::new("prlimit")
        .arg(format!("--fsize={}", largest.unwrap() - 1))
        .args([
            "--core=0",
            env!("CARGO_BIN_EXE_analysis"),
            "report",
            "--results",
        ])
        .arg(dir.path())
        .arg("--out")
        .arg(out.path())
        .args(["--show", "selection"])
        .output()
        .unwrap();
    assert!(!killed.status.success());
    assert!(!out.path().join("report.html").exists());
    assert!(out.path().join("figures/selection.svg").exists());
    let (code, stderr) = make("report", dir.path(), out.path(), &["epg_f1"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(names(&out.path().join("figures")), two("epg_f1"));
    let is_partial = |name: &String| name.ends_with(".partial");
    assert!(!names(out.path()).iter().any(is_partial));
}

/// A list that names anything but files directly in `tables/`, `figures/` or `gallery/` is refused, and no file is
/// removed.
#[test]
fn a_list_of_other_files_removes_nothing() {
    let dir = world();
    // The SHA-256 of "abc", which all these files contain.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for name in [
        "../mine",
        "mine",
        "tables/../mine",
        "tables/a/mine",
        "/mine",
        "tables/",
    ] {
        let root = TempDir::new().unwrap();
        let out = root.path().join("out");
        fs_err::create_dir_all(out.join("tables/a")).unwrap();
        for path in ["mine", "out/mine", "out/tables/a/mine"] {
            fs_err::write(root.path().join(path), "abc").unwrap();
        }
        fs_err::write(out.join("written.sha256"), format!("{hash}  {name}\n")).unwrap();
        let (code, stderr) = make("report", dir.path(), &out, &["epg_f1"]);
        assert_eq!(code, Some(2), "{name}");
        let expected = format!(
            "error: {}: line 1: found {hash}  {name}, expected the sha256 of a file in tables/, figures/ or gallery/, \
             two blanks, its path\n",
            out.join("written.sha256").display()
        );
        assert_eq!(stderr, expected);
        for path in ["mine", "out/mine", "out/tables/a/mine"] {
            assert!(root.path().join(path).exists(), "{name}: {path}");
        }
    }
}

/// A library for `LD_PRELOAD` that writes the path of every flushed file or folder to the file `$FLUSHED`.
const RECORDER: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    FILE *log = fopen(getenv("FLUSHED"), "a");
    fprintf(log, "%.*s\n", (int)(n < 0 ? 0 : n), path);
    fclose(log);
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return next(fd);
}
"#;

/// Directory entries must outlast a power cut: a folder is flushed after each file in it, and after
/// each new folder.
#[test]
#[cfg(target_os = "linux")]
fn folders_are_flushed() {
    let (dir, tools) = (world(), TempDir::new().unwrap());
    let (source, library) = (tools.path().join("fsync.c"), tools.path().join("fsync.so"));
    fs_err::write(&source, RECORDER).unwrap();
    // `cc` is installed, because Rust links with it.
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(compiled.success());
    let root = fs_err::canonicalize(tools.path()).unwrap();
    let out = root.join("new/out");
    // Runs `analysis` and returns the paths that it flushed, in order.
    let record = |arguments: &[&str]| -> Vec<String> {
        let log = root.join("log");
        let _ = fs_err::remove_file(&log);
        let status = Command::new(env!("CARGO_BIN_EXE_analysis"))
            .args(arguments)
            .env("LD_PRELOAD", &library)
            .env("FLUSHED", &log)
            .output()
            .unwrap()
            .status;
        assert!(status.success());
        let text = fs_err::read_to_string(&log).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let [results, folder] = [dir.path(), &out].map(|path| path.to_string_lossy().into_owned());
    let flushed = record(&["report", "--results", &results, "--out", &folder]);
    let path = |name: &str| root.join(name).to_string_lossy().into_owned();
    for name in ["", "new", "new/out", "new/out/tables", "new/out/figures"] {
        let path = path(name);
        assert!(
            flushed.contains(&path.trim_end_matches('/').to_owned()),
            "{path}: {flushed:#?}"
        );
    }
    // Each file is flushed under its temporary name, `.analysis-…`, and next the folder it is in.
    let files: Vec<usize> = (0..flushed.len())
        .filter(|i| flushed[*i].contains("/.analysis-"))
        .collect();
    // A report has more than 20 files: the test would be empty if none were recorded.
    assert!(files.len() > 20);
    for i in files {
        let folder = Path::new(&flushed[i]).parent().unwrap();
        assert_eq!(Path::new(&flushed[i + 1]), folder);
    }
    let answer = path("answers/query.parquet");
    let flushed = record(&["query", "--results", &results, "--out", &answer]);
    assert_eq!(flushed.last().unwrap(), &path("answers"));
}

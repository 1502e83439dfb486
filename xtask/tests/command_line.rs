//! Runs the program `xtask` without a network and checks its exit code, what it prints to standard output
//! and standard error, and which files it leaves.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `xtask` with these arguments and variables. The tests' own libtorch is hidden from it.
fn xtask(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(arguments)
        .env_remove("LIBTORCH")
        .env_remove("LIBTORCH_USE_PYTORCH");
    command.envs(environment.iter().copied()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes a folder of empty files that looks like libtorch of `version`.
fn libtorch(version: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in [
        "lib/libtorch.so",
        "lib/libtorch_cpu.so",
        "lib/libc10.so",
        "include/torch/csrc/api/include/torch/torch.h",
    ] {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    std::fs::write(dir.path().join("build-version"), version).unwrap();
    dir
}

/// The path as text.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_libtorch_of_the_users_own_is_taken_or_refused_but_never_touched() {
    let (good, old) = (libtorch("2.11.0+cpu"), libtorch("2.5.1"));
    // The folder that LIBTORCH names, the arguments, the exit code, and a part of what is said.
    let cases: [(&Path, &[&str], i32, &str); 4] = [
        (
            good.path(),
            &["setup"],
            0,
            "named by LIBTORCH: nothing to do",
        ),
        (
            good.path(),
            &["setup", "--force"],
            1,
            "not this program's to change",
        ),
        (old.path(), &["setup"], 1, "found 2.5.1, expected 2.11.0"),
        (
            Path::new("/nowhere"),
            &["setup"],
            1,
            "/nowhere: no such folder",
        ),
    ];
    for (dir, arguments, code, expected) in cases {
        let done = xtask(arguments, &[("LIBTORCH", text(dir))]);
        assert_eq!(done.status.code(), Some(code), "{}", stderr(&done));
        assert!(stderr(&done).contains(expected), "{}", stderr(&done));
    }
    // `lib`, `include` and `build-version`, as before.
    assert_eq!(std::fs::read_dir(old.path()).unwrap().count(), 3);
}

#[test]
fn without_a_network_set_up_says_what_to_do_and_leaves_nothing() {
    // `setup --cpu` refuses a disk with less than 1.8 GB free. /tmp may have less; the disk of the target
    // folder, which holds the build, has more.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = folder.path().join("libtorch");
    let done = xtask(
        &["setup", "--cpu", "--dir", text(&dir)],
        &[
            ("PIP_INDEX_URL", "http://127.0.0.1:9"),
            ("PIP_FIND_LINKS", ""),
            ("PIP_RETRIES", "0"),
        ],
    );
    assert_eq!(done.status.code(), Some(1));
    let said = stderr(&done);
    assert!(
        said.contains("error: setting up libtorch: pip could not fetch the wheels"),
        "{said}"
    );
    assert!(
        said.contains("\nhint: without a network, export LIBTORCH="),
        "{said}"
    );
    assert!(!dir.exists() && !folder.path().join("libtorch.partial").exists());
}

#[test]
fn wheels_in_a_folder_are_believed_by_checksum_only() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("libtorch");
    let wheels = folder.path().join("wheels");
    std::fs::create_dir(&wheels).unwrap();
    let arguments = [
        "setup",
        "--cpu",
        "--dir",
        text(&dir),
        "--wheels",
        text(&wheels),
    ];
    let done = xtask(&arguments, &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        stderr(&done).contains("expected the file torch-2.11.0-"),
        "{}",
        stderr(&done)
    );
    let wheel = "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl";
    std::fs::write(wheels.join(wheel), "not torch").unwrap();
    let done = xtask(&arguments, &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr(&done).contains("sha256: found"), "{}", stderr(&done));
    assert!(!dir.exists() && !folder.path().join("libtorch.partial").exists());
}

#[test]
fn doctor_names_the_command_for_each_fault() {
    let (old, empty) = (libtorch("2.5.1"), libtorch("2.11.0"));
    let cases = [
        (text(old.path()), "found 2.5.1, expected 2.11.0"),
        // The version is right, but the libraries are empty files, with which no program can be linked.
        (text(empty.path()), "FAULT  torch, loads"),
    ];
    for (dir, expected) in cases {
        let done = xtask(&["doctor"], &[("LIBTORCH", dir)]);
        let table = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(1), "{table}");
        assert!(table.contains(expected), "{table}");
        assert!(
            table.contains("-> unset LIBTORCH; cargo xtask setup"),
            "{table}"
        );
    }
}

#[test]
fn unknown_weights_are_answered_with_the_known() {
    let done = xtask(&["weights", "resnet9000"], &[]);
    assert_eq!(done.status.code(), Some(2));
    assert!(
        stderr(&done).contains("efficientnet_lite0"),
        "{}",
        stderr(&done)
    );
}

#[test]
fn a_download_that_cannot_be_says_why_on_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/mirror", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    for (dataset, file) in [
        ("voc2007", "VOCtrainval_06-Nov-2007.tar: HTTP 404"),
        ("coco2014", "train2014.zip: HTTP 404"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let arguments = [
            "download",
            dataset,
            "--out",
            text(out.path()),
            "--base-url",
            &mirror,
        ];
        let done = xtask(&arguments, &[]);
        assert_eq!(done.status.code(), Some(1));
        let said = stderr(&done);
        // Where the disk is too small for COCO, the program says so before it asks the server.
        let expected = format!("{mirror}/{file}");
        assert!(
            said.contains(&expected) || said.contains("not enough room"),
            "{said}"
        );
        let error = said.split("error: ").nth(1).unwrap();
        assert_eq!(error.trim_end().lines().count(), 1, "{said}");
        assert!(done.stdout.is_empty());
    }
}

/// The smallest valid recipe: a baseline, and one run guided by the Energy loss.
const RECIPE: &str = r#"
about = "Small."
[data]
dataset = "scenes"
size = 32
[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"
[baseline]
epochs = 1
learning_rate = 1e-3
batch_size = 8
[guided]
epochs = 1
learning_rate = 1e-3
batch_size = 8
[[guided.grid]]
layer = ["final"]
loss = ["energy"]
lambda = [0.1]
"#;

#[test]
fn reproduce_refuses_before_anything_is_built_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = write("good.toml", RECIPE);
    let unknown = write("unknown.toml", &format!("colour = 3\n{RECIPE}"));
    let broken = write("broken.toml", &RECIPE.replace("[0.1]", "[-0.1]"));
    let voc = write("voc.toml", &RECIPE.replace("scenes", "voc2007"));
    // The arguments, the exit code, and a part of the error.
    let cases: [(&[&str], i32, &str); 11] = [
        (
            &["--recipe", "nowhere"],
            1,
            "recipes/nowhere.toml, expected one of box-size, ",
        ),
        (
            &["--recipe", "nowhere.toml"],
            1,
            "found no file nowhere.toml, expected one of box-size",
        ),
        (
            &["--recipe", &unknown],
            1,
            "unknown.toml: line 1: unknown field `colour`",
        ),
        (
            &["--recipe", &broken],
            1,
            "guided.grid 1: lambda: found -0.1, expected a number above 0",
        ),
        (
            &["--recipe", &voc],
            1,
            "--data: found nothing, expected the folder of voc2007\nhint: ",
        ),
        (
            &["--recipe", &voc, "--data", "/nowhere"],
            1,
            "--data: found no folder /nowhere",
        ),
        (
            &["--recipe", &good, "--data", "/"],
            1,
            "--data: found /, expected none",
        ),
        (
            &["--recipe", &good, "--out", &good],
            1,
            "good.toml: expected a folder to write in",
        ),
        (
            &["--recipe", &good, "--out", &format!("{good}/out")],
            1,
            "good.toml/out: expected a folder to write in",
        ),
        (
            &["--recipe", &good, "--jobs", "0"],
            2,
            "'--jobs <N>': 0 is not in",
        ),
        (
            &["--recipe", &good, "--device", "gpu"],
            2,
            "expected auto, cpu, cuda or cuda:N",
        ),
    ];
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    for (arguments, code, expected) in cases {
        // Each case must be refused before cargo is started, as there is none.
        let arguments = [&["reproduce"], arguments].concat();
        let done = xtask(&arguments, &[("CARGO", "/nowhere/cargo")]);
        let said = stderr(&done);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{arguments:?}: {said}"
        );
        assert!(done.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before);
}

#[test]
fn new_refuses_before_anything_is_built_or_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("there.toml"), RECIPE).unwrap();
    let data = text(folder.path());
    let cases: [(&[&str], &str); 6] = [
        (
            &["there", "--data", data],
            "NAME: found the file there.toml, expected a new name",
        ),
        (
            &["a/b", "--data", data],
            "NAME: found \"a/b\", expected letters, digits, ",
        ),
        (
            &[".toml", "--data", data],
            "NAME: found \".toml\", expected letters, digits, ",
        ),
        (
            &["cells", "--data", "/nowhere"],
            "--data: found no folder /nowhere, expected the folder of",
        ),
        (
            &["cells", "--data", data, "--extends", "mine"],
            "recipes/mine.toml, expected one of box-size, ",
        ),
        (
            &["cells", "--data", data, "--extends", "mine.toml"],
            "--extends: found no file mine.toml, expected one of box-size, ",
        ),
    ];
    for (arguments, expected) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .arg("new")
            .args(arguments)
            .env("CARGO", "/nowhere/cargo");
        let done = command.current_dir(folder.path()).output().unwrap();
        let said = stderr(&done);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{arguments:?}: {said}"
        );
        assert!(done.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("small.toml");
    std::fs::write(&recipe, RECIPE).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args([
        "reproduce",
        "--dry-run",
        "--recipe",
        "small.toml",
        "--out",
        "new",
    ]);
    let done = command.current_dir(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", stderr(&done));
    let plan = String::from_utf8_lossy(&done.stdout).into_owned();
    let steps = plan
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let steps: Vec<&str> = steps.skip(2).take(6).collect();
    assert_eq!(
        steps,
        [
            "data",
            "baseline/1",
            "score/1",
            "guided/1",
            "score/2",
            "report"
        ],
        "{plan}"
    );
    assert!(plan.contains("everything goes to new"), "{plan}");
    assert!(done.stderr.is_empty(), "{}", stderr(&done));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// docs/recipes.md must contain, word for word, what `cargo xtask recipes` prints.
#[test]
fn the_documented_list_of_recipes_is_the_printed_one() {
    let done = xtask(&["recipes"], &[]);
    assert!(done.status.success(), "{}", stderr(&done));
    let list = String::from_utf8_lossy(&done.stdout).into_owned();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes.md");
    let documented = std::fs::read_to_string(file).unwrap();
    assert!(
        documented.contains(&list),
        "docs/recipes.md: expected what cargo xtask recipes prints:\n{list}"
    );
}

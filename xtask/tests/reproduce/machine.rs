//! Tests how many threads each step of a recipe's plan may start, and which device `--device auto` chooses. A shell
//! script stands in for the programs of the stages and notes what it is given.

use std::path::Path;

use crate::sandbox::{RECIPE, Sandbox, done};

/// Returns, for each call that begins with `call`, the values of OMP_NUM_THREADS, RAYON_NUM_THREADS and
/// POLARS_MAX_THREADS that the stand-in was given: a space before each, and nothing for one that is not set.
fn threads(sandbox: &Sandbox, call: &str) -> Vec<String> {
    let all = sandbox.read("threads");
    let found = all.lines().filter_map(|line| line.strip_prefix(call));
    found.map(str::to_owned).collect()
}

#[test]
fn steps_side_by_side_share_the_cores_whoever_starts_the_threads() {
    let sandbox = Sandbox::new();
    let n_cores = std::thread::available_parallelism().unwrap().get();
    let done_ = sandbox.reproduce(RECIPE, &["--jobs", "2"]);
    assert_eq!(done_.code, 0, "{}", done_.stderr);
    // The step of the data and that of the baseline run alone, so they may use all cores: no variable is set.
    assert_eq!(threads(&sandbox, "data-prep scenes"), ["   "]);
    let trained = threads(&sandbox, "trainer train");
    let n = (n_cores / 2).max(1).to_string();
    assert_eq!(trained[0], "   ");
    // The first guided run has one other step beside it, so each has half of the cores.
    assert_eq!(trained[1], format!(" {n} {n} {n}"));
    let scored = [
        threads(&sandbox, "trainer explain"),
        threads(&sandbox, "evaluator score"),
    ];
    assert_eq!(scored[0].len(), 8);
    assert_eq!(scored[0], scored[1]);
    assert_eq!(scored[0][0], format!(" {n} {n} {n}"));
}

#[test]
fn the_users_own_bounds_stay() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(RECIPE, &["--jobs", "2"]);
    command.env("RAYON_NUM_THREADS", "7");
    assert_eq!(done(command).code, 0);
    let n_cores = std::thread::available_parallelism().unwrap().get();
    let n = (n_cores / 2).max(1);
    let trained = threads(&sandbox, "trainer train");
    assert_eq!(trained[1], format!(" {n} 7 {n}"));
    // data-prep does not read RAYON_NUM_THREADS; xtask passes the bound on in its flag.
    let calls = sandbox.calls();
    assert!(calls[0].ends_with(" --threads 7"), "{calls:?}");
}

/// Makes a folder that looks like libtorch 2.11.0: the usual files, and `files`, all empty.
fn libtorch(sandbox: &Sandbox, name: &str, files: &[&str]) {
    let header = "include/torch/csrc/api/include/torch/torch.h";
    let usual = [
        "lib/libtorch.so",
        "lib/libtorch_cpu.so",
        "lib/libc10.so",
        header,
    ];
    for file in usual.iter().chain(files) {
        let file = Path::new(name).join(file);
        std::fs::create_dir_all(sandbox.path("").join(&file).parent().unwrap()).unwrap();
        sandbox.write(file.to_str().unwrap(), "");
    }
    sandbox.write(&format!("{name}/build-version"), "2.11.0\n");
}

/// With a driver, `auto` is cuda if libtorch has its CUDA library and CUDA_VISIBLE_DEVICES does not hide all
/// GPUs, as in the trainer. If xtask chose otherwise, it would note the step's time for the wrong device.
#[test]
fn beside_a_driver_auto_is_what_libtorch_can() {
    let sandbox = Sandbox::new();
    libtorch(&sandbox, "cpu", &[]);
    libtorch(&sandbox, "cuda", &["lib/libtorch_cuda.so"]);
    // A stand-in for the driver's program, so that a driver is found on every machine.
    sandbox.write("nvidia-smi", "#!/bin/sh\necho 580.65.06\n");
    let smi = sandbox.path("nvidia-smi");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(smi, mode).unwrap();
    assert_eq!(sandbox.step("data").code, 0);
    for (build, visible, expected) in [
        ("cpu", None, "cpu"),
        ("cuda", None, "cuda"),
        ("cuda", Some("0"), "cuda"),
        ("cuda", Some(""), "cpu"),
        ("cuda", Some("-1"), "cpu"),
    ] {
        std::fs::remove_dir_all(sandbox.path("out/runs")).ok();
        std::fs::remove_file(sandbox.path("out/rates.toml")).ok();
        let path = std::env::var("PATH").unwrap();
        let here = sandbox.path("");
        let mut command = sandbox.step_command("baseline/1");
        command.env("PATH", format!("{}:{path}", here.display()));
        command.env("LIBTORCH", sandbox.path(build));
        command.env_remove("LIBTORCH_USE_PYTORCH");
        match visible {
            Some(visible) => command.env("CUDA_VISIBLE_DEVICES", visible),
            None => command.env_remove("CUDA_VISIBLE_DEVICES"),
        };
        let done = done(command);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let rates = sandbox.read("out/rates.toml");
        let device = format!("device = \"{expected}\"");
        assert!(rates.contains(&device), "{build} {visible:?}: {rates}");
    }
}

//! Finds the libtorch that the build will use, and checks it: its version, whether it is a CPU or CUDA build,
//! who installed it, and whether a program can be linked with it and started. `setup` installs one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use fs_err as fs;

use crate::system::{paths, process};

/// The version that tch (the Rust bindings) needs, exactly.
pub(crate) const VERSION: &str = "2.11.0";

/// The version that the wheel on the package index names as its own; set-up writes it into the libtorch that it
/// makes, also into the CPU build, which is from the same wheel.
pub(crate) const BUILD_VERSION: &str = "2.11.0+cu130";

/// The libtorch that the build will use, by who installed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// The one that `cargo xtask setup` makes: in the repository, or where `--dir` says.
    Repository(PathBuf),
    /// A folder the user named in LIBTORCH.
    Environment(PathBuf),
    /// The PyTorch of the user's Python, because of LIBTORCH_USE_PYTORCH.
    Python(PathBuf),
}

impl Location {
    /// Finds it as torch-sys' build script will: it looks at the same places in the same order.
    pub(crate) fn find() -> Result<Location> {
        if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
            return python_torch().map(Location::Python);
        }
        // `.cargo/config.toml` sets LIBTORCH to the repository's own for all that cargo runs, also for this
        // program. Only another value is the user's.
        Ok(match std::env::var_os("LIBTORCH").map(PathBuf::from) {
            Some(dir) if std::path::absolute(&dir)? != paths::libtorch() => {
                Location::Environment(dir)
            }
            _ => Location::Repository(paths::libtorch()),
        })
    }

    /// The folder with lib/ and include/.
    pub(crate) fn dir(&self) -> &Path {
        match self {
            Location::Repository(dir) | Location::Environment(dir) | Location::Python(dir) => dir,
        }
    }

    /// The reason why the build uses it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Location::Repository(dir) if *dir != paths::libtorch() => "named by --dir",
            Location::Repository(_) => "the repository's own",
            Location::Environment(_) => "named by LIBTORCH",
            Location::Python(_) => "Python's, because of LIBTORCH_USE_PYTORCH",
        }
    }
}

/// The folder of the package torch in the user's Python.
fn python_torch() -> Result<PathBuf> {
    // The same interpreter that torch-sys asks.
    let in_venv = std::env::var_os("VIRTUAL_ENV").is_some();
    let python = if in_venv { "python" } else { "python3" };
    let said = process::capture(
        Command::new(python).args(["-c", "import torch; print(torch.__path__[0])"]),
        "LIBTORCH_USE_PYTORCH is set, but asking Python for torch",
    )?;
    Ok(PathBuf::from(said.trim()))
}

/// Whether a libtorch can use NVIDIA GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Without CUDA: libtorch.so loads libtorch_cpu alone.
    Cpu,
    /// With libtorch_cuda and NVIDIA's libraries.
    Cuda,
}

impl std::fmt::Display for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Build::Cpu => "CPU",
            Build::Cuda => "CUDA",
        })
    }
}

/// What [`inspect`] found in a folder that has everything the build needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Libtorch {
    /// The version as written in the folder, e.g. "2.11.0+cu130".
    pub(crate) version: String,
    /// CPU or CUDA.
    pub(crate) build: Build,
}

/// Checks that `dir` is a libtorch of the needed version. An error names the missing file, or the version
/// found and the one expected.
pub(crate) fn inspect(dir: &Path) -> Result<Libtorch> {
    if !dir.is_dir() {
        bail!("{}: no such folder", dir.display());
    }
    let needed = [
        "lib/libtorch.so",
        "lib/libtorch_cpu.so",
        "lib/libc10.so",
        "include/torch/csrc/api/include/torch/torch.h",
    ];
    if let Some(missing) = needed.iter().find(|file| !dir.join(file).is_file()) {
        bail!("{}: expected {missing}, found none", dir.display());
    }
    let version = version(dir)?;
    if version.split('+').next() != Some(VERSION) {
        bail!(
            "{}: torch version: found {version}, expected {VERSION}",
            dir.display()
        );
    }
    let cuda = dir.join("lib/libtorch_cuda.so").is_file();
    Ok(Libtorch {
        version,
        build: if cuda { Build::Cuda } else { Build::Cpu },
    })
}

/// The build of the libtorch that programs are built with; None where there is no valid one.
pub(crate) fn build() -> Option<Build> {
    let location = Location::find().ok()?;
    Some(inspect(location.dir()).ok()?.build)
}

/// The version that `dir` states: in `build-version`, as in a libtorch archive, or in `version.py`, as in an
/// installed wheel.
fn version(dir: &Path) -> Result<String> {
    let plain = dir.join("build-version");
    if plain.is_file() {
        return Ok(fs::read_to_string(plain)?.trim().to_owned());
    }
    let python = fs::read_to_string(dir.join("version.py")).with_context(|| {
        format!(
            "{}: expected build-version or version.py to tell the version",
            dir.display()
        )
    })?;
    let line = python
        .lines()
        .find_map(|line| line.strip_prefix("__version__ = "));
    let line = line.with_context(|| format!("{}: version.py tells no version", dir.display()))?;
    Ok(line.trim_matches(['\'', '"', ' ']).to_owned())
}

/// What the probe program, linked with a libtorch, found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// `torch::cuda::is_available()`
    pub(crate) cuda_available: bool,
    /// `torch::cuda::device_count()`
    pub(crate) n_devices: usize,
    /// `at::get_num_threads()`
    pub(crate) n_threads: usize,
}

/// The probe program. It is C and calls three of libtorch's functions by their mangled C++ names, so that it
/// needs no torch header and compiles at once.
const PROBE: &str = r#"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
extern bool is_available(void) __asm__("_ZN5torch4cuda12is_availableEv");
extern size_t device_count(void) __asm__("_ZN5torch4cuda12device_countEv");
extern int num_threads(void) __asm__("_ZN2at15get_num_threadsEv");
int main(void) {
  printf("%d %zu %d\n", is_available(), device_count(), num_threads());
  return 0;
}
"#;

/// Links the probe program with the libtorch in `dir`, as the trainer's build does, and runs it.
pub(crate) fn load(dir: &Path) -> Result<Loaded> {
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join("probe.c");
    let program = scratch.path().join("probe");
    fs::write(&source, PROBE)?;
    let lib = std::path::absolute(dir.join("lib"))?;
    process::capture(
        Command::new(c_compiler())
            .arg(&source)
            .arg("-o")
            .arg(&program)
            .arg(format!("-L{}", lib.display()))
            .arg(format!("-Wl,-rpath,{}", lib.display()))
            .args(["-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10"]),
        "linking a program with libtorch",
    )?;
    let said = process::capture(
        &mut Command::new(&program),
        "starting a program with libtorch",
    )?;
    let numbers: Vec<usize> = said
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    let [cuda_available, n_devices, n_threads] = numbers[..] else {
        bail!("a program with libtorch printed {said:?}, expected three numbers");
    };
    Ok(Loaded {
        cuda_available: cuda_available == 1,
        n_devices,
        n_threads,
    })
}

/// The C compiler, as the `cc` crate finds it.
pub(crate) fn c_compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// The command that installs both compilers on Debian and Ubuntu.
pub(crate) const INSTALL_COMPILER: &str = "sudo apt-get install -y build-essential";

/// The C++ compiler, as the `cc` crate finds it.
pub(crate) fn cxx_compiler() -> String {
    std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned())
}

/// The version of NVIDIA's driver ("580.65.06"); None where none is loaded.
pub(crate) fn nvidia_driver() -> Option<String> {
    let from_kernel = fs::read_to_string("/proc/driver/nvidia/version").ok();
    // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 ..."
    let number = |line: &str| {
        let words = line.split_whitespace();
        words
            .into_iter()
            .find(|w| w.contains('.') && w.starts_with(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
    };
    if let Some(version) = from_kernel
        .as_deref()
        .and_then(|text| text.lines().find_map(number))
    {
        return Some(version);
    }
    let mut ask = Command::new("nvidia-smi");
    ask.args(["--query-gpu=driver_version", "--format=csv,noheader"]);
    let said = process::capture(&mut ask, "nvidia-smi").ok()?;
    said.lines().find_map(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A folder that looks like libtorch but has empty files, and `files` (name, content) besides.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let usual = [
            ("lib/libtorch.so", ""),
            ("lib/libtorch_cpu.so", ""),
            ("lib/libc10.so", ""),
            ("include/torch/csrc/api/include/torch/torch.h", ""),
        ];
        for (name, content) in usual.iter().chain(files) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    #[test]
    fn version_and_build_are_read_from_the_folder() {
        let python = "from typing import Optional\n__version__ = '2.11.0+cu130'\ndebug = False\n";
        // Files of the folder (name, content), and the version and build that they make.
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Build);
        let cases: [Case; 4] = [
            (
                &[("build-version", "2.11.0+cu130\n")],
                "2.11.0+cu130",
                Build::Cpu,
            ),
            (&[("build-version", "2.11.0+cpu")], "2.11.0+cpu", Build::Cpu),
            (&[("version.py", python)], "2.11.0+cu130", Build::Cpu),
            (
                &[("build-version", "2.11.0"), ("lib/libtorch_cuda.so", "")],
                "2.11.0",
                Build::Cuda,
            ),
        ];
        for (files, version, build) in cases {
            let found = inspect(folder(files).path()).unwrap();
            assert_eq!(
                found,
                Libtorch {
                    version: version.to_owned(),
                    build
                }
            );
        }
    }

    #[test]
    fn a_folder_that_will_not_do_is_refused_with_its_reason() {
        let old = folder(&[("build-version", "2.5.1+cpu")]);
        let almost = folder(&[("build-version", "2.11.01")]);
        let unknown = folder(&[]);
        let half = folder(&[("build-version", "2.11.0")]);
        fs::remove_file(half.path().join("lib/libc10.so")).unwrap();
        let cases = [
            (old.path(), "found 2.5.1+cpu, expected 2.11.0"),
            (almost.path(), "found 2.11.01, expected 2.11.0"),
            (unknown.path(), "expected build-version or version.py"),
            (half.path(), "expected lib/libc10.so, found none"),
            (Path::new("/nowhere/libtorch"), "no such folder"),
        ];
        for (dir, expected) in cases {
            let error = format!("{:#}", inspect(dir).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! Sets up the Python environment with PyTorch, torchvision and bcos, with which the tests exchange weight
//! files, for the CPU alone.
//!
//! The package index has PyTorch as its CUDA build only (the CPU build is on another index, which mirrors
//! seldom have). That build cannot be imported without 2 GB of NVIDIA's libraries, although nothing on the
//! CPU calls them. So only the two small ones that are called at import are installed. In place of each
//! other one stands a library, compiled here, that has the functions' names and aborts if one is called.
//! torch, torchvision and bcos themselves are as published.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use fs_err as fs;

use crate::install::{libtorch, venv};
use crate::system::process;

/// NVIDIA's libraries that the libraries of torch 2.11 are linked to and that are not installed.
const ABSENT: [&str; 10] = [
    "libcublas.so.13",
    "libcublasLt.so.13",
    "libcudnn.so.9",
    "libcufft.so.12",
    "libcufile.so.0",
    "libcurand.so.10",
    "libcusparse.so.12",
    "libcusparseLt.so.0",
    "libnccl.so.2",
    "libnvshmem_host.so.3",
];

/// Prefixes of the names of these libraries' functions.
const PREFIXES: [&str; 9] = [
    "cublas", "cudnn", "cufft", "cuFile", "curand", "cusparse", "cusolver", "nccl", "nvshmem",
];

/// The interpreter with the packages: the one the user names in GUIDANCE_TORCH_PYTHON, else our own.
pub(super) fn python() -> Result<PathBuf> {
    match std::env::var_os("GUIDANCE_TORCH_PYTHON") {
        Some(python) => Ok(PathBuf::from(python)),
        None => venv::ensure_listed(
            ".venv-torch",
            "tests/python/torch-requirements.txt",
            stand_in,
        ),
    }
}

/// Compiles the stand-in and copies it, under each absent library's name, beside torch's libraries, where
/// these look last. `packages` is the environment's folder of packages.
fn stand_in(packages: &Path) -> Result<()> {
    let lib = packages.join("torch/lib");
    let mut functions = BTreeSet::new();
    for entry in fs::read_dir(&lib)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "so") {
            let mut list = Command::new("nm");
            list.args(["--dynamic", "--undefined-only"]).arg(&path);
            let said = process::capture(&mut list, "reading torch's libraries")?;
            functions.extend(absent_functions(&said).map(str::to_owned));
        }
    }
    if functions.is_empty() {
        bail!(
            "{}: found no function of NVIDIA's, expected the CUDA build of torch",
            lib.display()
        );
    }
    let scratch = tempfile::tempdir()?;
    let (source, library) = (
        scratch.path().join("absent.c"),
        scratch.path().join("absent.so"),
    );
    fs::write(&source, code(&functions))?;
    process::capture(
        Command::new(libtorch::c_compiler())
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source),
        "compiling what stands in for NVIDIA's libraries",
    )?;
    for name in ABSENT {
        fs::copy(&library, lib.join(name))?;
    }
    Ok(())
}

/// The functions of absent libraries in the output of `nm`, whose lines read
/// "                 U ncclSend@VERSION".
fn absent_functions(said: &str) -> impl Iterator<Item = &str> {
    let words = said
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    words
        .map(|word| word.split('@').next().unwrap_or(word))
        .filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// The C code of the stand-in.
fn code(functions: &BTreeSet<String>) -> String {
    let mut code = "#include <stdlib.h>\n".to_owned();
    for name in functions {
        code.push_str(&format!("void {name}(void) {{ abort(); }}\n"));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::absent_functions;

    #[test]
    fn only_functions_of_absent_libraries_are_stood_in_for() {
        let said = "                 U abort@GLIBC_2.2.5\n                 U cublasCreate_v2@libcublas.so.13\n\
                    \x20                U cudaMalloc@libcudart.so.13\n                 U ncclSend\n\
                    \x20                w __cxa_finalize\n                 U cuptiActivityEnable@libcupti.so.13\n";
        let found: Vec<&str> = absent_functions(said).collect();
        assert_eq!(found, ["cublasCreate_v2", "ncclSend"]);
    }
}

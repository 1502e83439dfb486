//! The Python packages that weights are exchanged with, for the CPU alone. PyTorch's wheel of the
//! package index is the CUDA build (the CPU one has an index of its own, which mirrors seldom have),
//! and cannot be imported without 2 GB of NVIDIA's libraries that nothing on the CPU calls. Here the
//! two small ones that it calls while it loads are installed, and a library whose functions abort
//! stands in for the others: torch, torchvision and bcos themselves are as published.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use fs_err as fs;

use crate::install::{libtorch, venv};
use crate::system::process;

/// NVIDIA's libraries that torch 2.11's own name and that are not installed.
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

/// How their functions' names begin.
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

/// Puts the stand-in beside torch's libraries, which look there last.
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

/// The functions of absent libraries in what `nm` says: "                 U ncclSend@VERSION".
fn absent_functions(said: &str) -> impl Iterator<Item = &str> {
    let words = said
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    words
        .map(|word| word.split('@').next().unwrap_or(word))
        .filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

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

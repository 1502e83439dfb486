//! Sets environment variables that the libraries below libtorch (libgomp, glibc, cuBLAS) read only when the
//! program starts. They decide how threads wait, how memory is kept and whether results repeat. To set them
//! the program starts itself again, before it does anything else.

use std::os::unix::process::CommandExt;

/// For each: a variable, the value it gets, and another variable by which a user may have chosen the same
/// thing (for cuBLAS there is none, so its own stands twice). If either is set already, the user's choice stays.
///
/// By default libtorch's threads spin while they wait for each other, which makes training seven times
/// slower where other programs use the same cores (measured: 1.2 against 8.8 images a second). By default
/// glibc returns the memory of every large tensor to the system, which clears it anew for the next one;
/// that costs a tenth of a training step. So no memory is mapped for single tensors (at most 0 mappings), and
/// none is returned until 1 TiB (2^40 bytes) is free. With a workspace of 8 buffers of 4096 KiB, its default on
/// new GPUs, cuBLAS gives the same bits every time.
const VARIABLES: [(&str, &str, &str); 4] = [
    ("OMP_WAIT_POLICY", "PASSIVE", "GOMP_SPINCOUNT"),
    ("MALLOC_MMAP_MAX_", "0", "GLIBC_TUNABLES"),
    ("MALLOC_TRIM_THRESHOLD_", "1099511627776", "GLIBC_TUNABLES"),
    (
        "CUBLAS_WORKSPACE_CONFIG",
        ":4096:8",
        "CUBLAS_WORKSPACE_CONFIG",
    ),
];

/// Replaces this process by the same program with those of [`VARIABLES`] that the user has not set. Returns
/// if all are set, as they are the second time, or with a warning if the program cannot be started again.
pub fn settle() {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let open = VARIABLES
        .iter()
        .filter(|(name, _, other)| !is_set(name) && !is_set(other));
    let open: Vec<(&str, &str)> = open.map(|(name, value, _)| (*name, *value)).collect();
    if open.is_empty() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let error = std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .envs(open)
            .exec();
        say!("warning: could not start again with the variables for threads and memory ({error})");
    }
}

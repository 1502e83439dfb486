//! Limits the threads of a step where several steps share a machine; otherwise each would use all cores. The
//! limit is set by environment variables that the stages' libraries read at their start.

use std::process::Command;

/// The variables that libtorch (OpenMP), rayon, and Polars read.
const VARIABLES: [&str; 3] = ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"];

/// The number of cores that this program may use; a container's limit counts.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Limits `command`, and the programs it starts, to `n` threads, unless the user has set the variables.
pub(crate) fn bound(command: &mut Command, n: usize) {
    let is_unset = |name: &&str| std::env::var_os(name).is_none();
    for name in VARIABLES.into_iter().filter(|name| is_unset(name)) {
        command.env(name, n.to_string());
    }
}

/// The limit of libtorch's threads, if there is one.
pub(crate) fn of_libtorch() -> Option<usize> {
    number("OMP_NUM_THREADS")
}

/// The limit of rayon's threads, if there is one; it also holds for other threads that do not use libtorch.
pub(crate) fn of_others() -> Option<usize> {
    number("RAYON_NUM_THREADS")
}

/// The number in a variable; None where it is not set, no number, or 0, which rayon takes as no limit.
fn number(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    text.trim().parse().ok().filter(|n| *n > 0)
}

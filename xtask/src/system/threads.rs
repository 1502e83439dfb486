//! Limits the threads of a step where several share a machine, by the environment variables that the
//! stages' libraries read at their start: otherwise each would use all cores.

use std::process::Command;

/// Read by libtorch (OpenMP), by rayon, and by Polars.
const VARIABLES: [&str; 3] = ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"];

/// The cores that this program may use, containers' limits included.
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

/// The limit of all other working threads, if there is one.
pub(crate) fn of_others() -> Option<usize> {
    number("RAYON_NUM_THREADS")
}

/// 0 is what rayon takes for no bound.
fn number(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    text.trim().parse().ok().filter(|n| *n > 0)
}

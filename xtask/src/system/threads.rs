//! How many threads a step may have, where several share a machine. It is said in the variables that the
//! libraries under the stages read when they start: each would take all cores for itself.

use std::process::Command;

/// Read by libtorch (OpenMP), by rayon, and by Polars.
const VARIABLES: [&str; 3] = ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"];

/// The cores that this program may use, containers' limits included.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Has `command`, and what it starts, take at most `n` threads, where the user's own variables say
/// nothing else.
pub(crate) fn bound(command: &mut Command, n: usize) {
    let is_unset = |name: &&str| std::env::var_os(name).is_none();
    for name in VARIABLES.into_iter().filter(|name| is_unset(name)) {
        command.env(name, n.to_string());
    }
}

/// The number of libtorch's threads, where it is bounded.
pub(crate) fn of_libtorch() -> Option<usize> {
    number("OMP_NUM_THREADS")
}

/// The number of all other threads that work, where it is bounded.
pub(crate) fn of_others() -> Option<usize> {
    number("RAYON_NUM_THREADS")
}

/// 0 is what rayon takes for no bound.
fn number(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    text.trim().parse().ok().filter(|n| *n > 0)
}

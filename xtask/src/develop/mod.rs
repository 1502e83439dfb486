//! Commands for developers: `test` runs all checks, `bench` measures time and memory, and `fuzz` looks for
//! inputs that break the readers of foreign files.

pub(crate) mod bench;
pub(crate) mod fuzz;
pub(crate) mod test;

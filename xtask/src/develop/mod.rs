//! For those who change the programs: checks, measurements, hostile inputs.

pub(crate) mod bench;
pub(crate) mod fuzz;
pub(crate) mod test;

//! Describes the machine that is measured by its processor and number of cores, without naming the machine.

use fs_err as fs;

use crate::system::threads;

/// For example "AMD EPYC, 2 cores".
pub(super) fn describe() -> String {
    let cores = threads::cores();
    let plural = if cores == 1 { "" } else { "s" };
    format!("{}, {cores} core{plural}", processor())
}

/// The processor's name, where the system tells it in Linux' way.
fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| format!("unnamed {} processor", std::env::consts::ARCH))
}

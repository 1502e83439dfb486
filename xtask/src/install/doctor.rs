//! `cargo xtask doctor`: prints a table of what the build and the runs need, whether this machine has it, and
//! for each fault a command that mends it. It changes nothing.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::install::libtorch::{self, Build, Location};
use crate::install::{pip, weights};
use crate::system::memory::{self, Memory};
use crate::system::{disk, paths, process, progress, threads};

/// How a thing that was checked is.
enum State {
    Good,
    /// It works, with a remark.
    Note,
    /// The build or a run will fail.
    Fault,
}

/// A row of the table.
struct Finding {
    /// What was checked.
    what: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// The command that mends it; empty where there is nothing to mend.
    fix: String,
}

impl Finding {
    /// A row without fault.
    fn good(what: &'static str, found: impl Into<String>) -> Finding {
        Finding {
            what,
            state: State::Good,
            found: found.into(),
            fix: String::new(),
        }
    }

    /// A row with a remark, and the command that would change it.
    fn note(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            what,
            state: State::Note,
            found: found.into(),
            fix: fix.into(),
        }
    }

    /// A row with a fault, and the command that mends it.
    fn fault(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            what,
            state: State::Fault,
            found: found.into(),
            fix: fix.into(),
        }
    }
}

/// Runs `cargo xtask doctor`. The exit code is 0 if there is no fault, else 1.
pub(crate) fn run() -> Result<ExitCode> {
    let mut findings = vec![rust()];
    findings.push(compiler("C compiler", &libtorch::c_compiler()));
    findings.push(compiler("C++ compiler", &libtorch::cxx_compiler()));
    findings.push(python());
    findings.extend(torch());
    findings.push(threads());
    findings.extend(memory());
    findings.push(room());
    findings.extend(pretrained());

    let is_fault = |finding: &&Finding| matches!(finding.state, State::Fault);
    let (n, n_faults) = (findings.len(), findings.iter().filter(is_fault).count());
    // Not println!, which panics where the reader is gone (| head).
    let mut out = std::io::stdout().lock();
    write!(out, "{}", table(&findings))?;
    match n_faults {
        0 => writeln!(out, "\nready: cargo xtask reproduce")?,
        _ => writeln!(
            out,
            "\n{n_faults} of {n} in the way; the command after each arrow mends it"
        )?,
    }
    Ok(match n_faults {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The table as text.
fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for Finding {
        what,
        state,
        found,
        fix,
    } in findings
    {
        let mark = match state {
            State::Good => "ok   ",
            State::Note => "note ",
            State::Fault => "FAULT",
        };
        let found = found.replace('\n', " ");
        text += &format!("{mark}  {what:width$}  {found}\n");
        if !fix.is_empty() {
            text += &format!("       {:width$}  -> {fix}\n", "");
        }
    }
    text
}

/// Checks the version of rustc.
fn rust() -> Finding {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let said = process::capture(Command::new("rustc").arg("--version"), "rustc");
    match said {
        Ok(said) => {
            let version = said.split_whitespace().nth(1).unwrap_or("").to_owned();
            match at_least(&version, wanted) {
                true => Finding::good("rustc", format!("{version} (expected {wanted} or later)")),
                false => Finding::fault(
                    "rustc",
                    format!("found {version}, expected {wanted} or later"),
                    "rustup update stable",
                ),
            }
        }
        Err(error) => Finding::fault("rustc", format!("{error:#}"), "rustup default stable"),
    }
}

/// Whether a dotted version is `wanted` or later.
fn at_least(version: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-', '+'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    numbers(version) >= numbers(wanted)
}

/// Checks that the compiler `name` starts.
fn compiler(what: &'static str, name: &str) -> Finding {
    match process::capture(Command::new(name).arg("--version"), what) {
        Ok(said) => Finding::good(
            what,
            format!("{name}: {}", said.lines().next().unwrap_or("")),
        ),
        Err(error) => Finding::fault(what, format!("{error:#}"), libtorch::INSTALL_COMPILER),
    }
}

/// Whether the compiler `name` starts.
fn compiles(name: &str) -> bool {
    Command::new(name)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Checks for a Python 3 with pip.
fn python() -> Finding {
    match (pip::python(), pip::version()) {
        (Ok(python), Ok(version)) => {
            let said = process::capture(Command::new(&python).arg("--version"), "python");
            let said = said.unwrap_or_default();
            Finding::good(
                "python, pip",
                format!("{} ({python}), {version}", said.trim()),
            )
        }
        // Set-up, the part of a build that needs pip, is done already, so this is no fault.
        _ if Location::find().is_ok_and(|at| libtorch::inspect(at.dir()).is_ok()) => Finding::note(
            "python, pip",
            "none: libtorch is there already, but weights, test and bench need it",
            pip::INSTALL_PYTHON,
        ),
        _ => Finding::fault("python, pip", "no Python 3 with pip", pip::INSTALL_PYTHON),
    }
}

/// Checks libtorch: its version, where it is, and whether a program can be linked with it and started.
fn torch() -> Vec<Finding> {
    let expected = libtorch::VERSION;
    let location = match Location::find() {
        Ok(location) => location,
        Err(error) => {
            return vec![Finding::fault(
                "torch",
                format!("{error:#}"),
                "unset LIBTORCH_USE_PYTORCH",
            )];
        }
    };
    let mend = match &location {
        Location::Repository(_) => "cargo xtask setup",
        Location::Environment(_) => "unset LIBTORCH; cargo xtask setup",
        Location::Python(_) => "unset LIBTORCH_USE_PYTORCH; cargo xtask setup",
    };
    let dir = paths::shown(location.dir());
    let found = match libtorch::inspect(location.dir()) {
        Ok(found) => found,
        Err(error) => {
            let text = format!("expected {expected}, {error:#} ({})", location.reason());
            return vec![Finding::fault("torch", text, mend)];
        }
    };
    let linked = match found.build {
        Build::Cpu => "libtorch.so loads libtorch_cpu alone",
        Build::Cuda => "libtorch.so loads libtorch_cuda, too",
    };
    let mut findings = vec![
        Finding::good(
            "torch",
            format!("found {}, expected {expected}", found.version),
        ),
        Finding::good("torch, where", format!("{dir}, {}", location.reason())),
        Finding::good("torch, linked", format!("{} build: {linked}", found.build)),
    ];
    match libtorch::load(location.dir()) {
        Ok(loaded) => {
            let text = format!("a linked program starts, with {} threads", loaded.n_threads);
            findings.push(Finding::good("torch, loads", text));
            findings.push(cuda(found.build, loaded, mend));
        }
        // Without a compiler this cannot be tested; the compiler's row shows that.
        Err(_) if !compiles(&libtorch::c_compiler()) => {}
        Err(error) => {
            let fix = match &location {
                Location::Repository(_) => format!("{mend} --force"),
                _ => mend.to_owned(),
            };
            findings.push(Finding::fault("torch, loads", format!("{error:#}"), fix));
        }
    }
    findings
}

/// Checks whether libtorch and the NVIDIA driver fit. `set_up` is the command that replaces this libtorch; it
/// takes --cpu and --cuda.
fn cuda(build: Build, loaded: libtorch::Loaded, set_up: &str) -> Finding {
    let n = loaded.n_devices;
    let devices = format!("{n} device{}", if n == 1 { "" } else { "s" });
    match (libtorch::nvidia_driver(), build) {
        (None, _) => Finding::good("CUDA", "no NVIDIA driver: runs on the CPU"),
        (Some(driver), Build::Cpu) => Finding::note(
            "CUDA",
            format!("driver {driver}, but a CPU build of torch: runs on the CPU"),
            format!("{set_up} --cuda"),
        ),
        (Some(driver), Build::Cuda) if loaded.cuda_available => {
            Finding::good("CUDA", format!("driver {driver}, torch sees {devices}"))
        }
        (Some(driver), Build::Cuda) => Finding::fault(
            "CUDA",
            format!(
                "driver {driver}, torch sees no device: expected driver 580 or later, for CUDA 13 \
                 (without it, the CPU build)"
            ),
            format!("{set_up} --cpu"),
        ),
    }
}

/// Checks OMP_NUM_THREADS.
fn threads() -> Finding {
    let cores = threads::cores();
    let text = format!("{cores} cores");
    match std::env::var("OMP_NUM_THREADS") {
        Err(_) => Finding::good("threads", format!("{text}, OMP_NUM_THREADS not set")),
        Ok(value) => match value.trim().parse::<usize>() {
            Ok(n) if (1..=cores).contains(&n) => {
                Finding::good("threads", format!("{text}, OMP_NUM_THREADS {n}"))
            }
            _ => Finding::note(
                "threads",
                format!("{text}, OMP_NUM_THREADS: found {value:?}, expected 1 to {cores}"),
                "unset OMP_NUM_THREADS",
            ),
        },
    }
}

/// Checks the available memory; None where the system does not tell.
fn memory() -> Option<Finding> {
    let Memory { total, available } = memory::memory(Path::new("/"))?;
    let found = format!(
        "{} of {} available",
        progress::size(available),
        progress::size(total)
    );
    // To compile torch-sys' largest C++ file takes about 2 GB, to compile polars as much again.
    Some(match available < 4_000_000_000 {
        true => Finding::note("memory", found, "CARGO_BUILD_JOBS=1 cargo xtask reproduce"),
        false => Finding::good("memory", found),
    })
}

/// Checks the free disk space: README's 10 GB are for everything from the start, so less is a note. With less
/// than 2 GB even a small recipe cannot write its results.
fn room() -> Finding {
    match disk::free(&paths::root()) {
        Ok(free) if free < 2_000_000_000 => Finding::fault(
            "disk",
            format!("{} free, expected 2 GB at least", progress::size(free)),
            "cargo clean",
        ),
        Ok(free) if free < 10_000_000_000 => Finding::note(
            "disk",
            format!(
                "{} free, enough where everything is built; from the start it takes 10 GB",
                progress::size(free)
            ),
            "",
        ),
        Ok(free) => Finding::good("disk", format!("{} free", progress::size(free))),
        Err(error) => Finding::note("disk", format!("{error:#}"), ""),
    }
}

/// Checks for the weights that `cargo xtask weights` can download.
fn pretrained() -> Vec<Finding> {
    let finding = |name: &str| match weights::there(name) {
        Some(file) => Finding::good("weights", paths::shown(&file)),
        None => Finding::note(
            "weights",
            format!("{name} not there (only recipes that start from it need it)"),
            format!("cargo xtask weights {name}"),
        ),
    };
    weights::names().into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn versions_compare_by_number() {
        // The version that is there, the one that is wanted, and whether the first is enough.
        let cases = [
            ("1.95.0", "1.95", true),
            ("1.96.0-nightly", "1.95", true),
            ("2.0.0", "1.95", true),
            ("1.100.1", "1.95", true),
            ("1.94.1", "1.95", false),
            ("1.9.0", "1.95", false),
            ("", "1.95", false),
        ];
        for (version, wanted, expected) in cases {
            assert_eq!(
                at_least(version, wanted),
                expected,
                "{version:?} for {wanted}"
            );
        }
    }
}

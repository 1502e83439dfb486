//! Parses the arguments of `cargo xtask test`, runs the checks in their order, and prints the results.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use super::outcome::Outcome;
use super::{checkout, checks, deny, report};
use crate::install::setup;

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this check
    #[arg(long, value_name = "NAME")]
    only: Option<Check>,
    /// Only what finds most faults in least time: format, headers, clippy, the modules' own tests and
    /// those against recorded values
    #[arg(long, conflicts_with = "only")]
    quick: bool,
}

/// The checks of `--quick`.
const QUICK: [Check; 4] = [
    Check::Format,
    Check::Headers,
    Check::Clippy,
    Check::QuickTests,
];

/// The checks, in the order they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Check {
    /// libtorch is there, or can be brought
    Setup,
    /// cargo fmt --all --check
    Format,
    /// Every .rs file opens with //!
    Headers,
    /// Who may reach torch-sys, polars and the stages
    Dependencies,
    /// cargo clippy with warnings denied
    Clippy,
    /// Licences, sources and advisories of all crates, by cargo-deny
    Deny,
    /// The Python packages the tests compare with
    Python,
    /// Slurm, on which the cluster's tests run
    Slurm,
    /// The tests of --quick; those of all are Tests'
    QuickTests,
    /// cargo test --workspace
    Tests,
    /// Weight files exchanged with PyTorch, torchvision and bcos
    Packages,
}

/// Runs `cargo xtask test`. The exit code is 0 where nothing failed, else 1.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let chosen = match args.only {
        Some(only) => vec![only],
        None if args.quick => QUICK.to_vec(),
        None => {
            let all = Check::value_variants().iter().copied();
            all.filter(|check| *check != Check::QuickTests).collect()
        }
    };
    checkout::own_parts()?;
    let mut total = Outcome::default();
    // Not println!, which panics where the reader is gone.
    let mut out = std::io::stdout();
    for check in chosen {
        let name = name(check);
        eprintln!("{name} ...");
        let start = Instant::now();
        let outcome = perform(check).unwrap_or_else(|error| Outcome::failed(format!("{error:#}")));
        let mark = if outcome.failed.is_empty() {
            "ok    "
        } else {
            "FAILED"
        };
        writeln!(
            out,
            "{mark} {name:13} {:6.1} s{}",
            start.elapsed().as_secs_f32(),
            numbers(&outcome)
        )?;
        total.n_passed += outcome.n_passed;
        total.times.extend(outcome.times);
        let named = |text: String| format!("{name}: {text}");
        total.failed.extend(outcome.failed.into_iter().map(named));
        total.skipped.extend(outcome.skipped.into_iter().map(named));
    }
    writeln!(out)?;
    for (what, list) in [("skipped", &total.skipped), ("failed", &total.failed)] {
        for line in list {
            writeln!(out, "{what}  {line}")?;
        }
    }
    let slowest = report::slowest(std::mem::take(&mut total.times));
    if !slowest.is_empty() {
        writeln!(out, "the slowest tests:\n{}\n", slowest.join("\n"))?;
    }
    let (failed, skipped) = (total.failed.len(), total.skipped.len());
    writeln!(
        out,
        "{} passed, {failed} failed, {skipped} skipped",
        total.n_passed
    )?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs one check.
fn perform(check: Check) -> Result<Outcome> {
    match check {
        Check::Setup => setup::ensure().map(|()| Outcome::passed()),
        Check::Format => checks::format(),
        Check::Headers => checks::headers(),
        Check::Dependencies => checks::dependencies(),
        Check::Clippy => checks::clippy(),
        Check::Deny => deny::check(),
        Check::Python => checks::python().map(|_| Outcome::passed()),
        Check::Slurm => checks::slurm(),
        Check::QuickTests => checks::quick_tests(),
        Check::Tests => checks::tests(),
        Check::Packages => checks::packages(),
    }
}

/// The check's name on the command line, such as `quick-tests`.
fn name(check: Check) -> String {
    check
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// How many tests passed, failed and were skipped; empty for a check that is a single test.
fn numbers(outcome: &Outcome) -> String {
    let (passed, failed, skipped) = (
        outcome.n_passed,
        outcome.failed.len(),
        outcome.skipped.len(),
    );
    match passed + failed + skipped {
        0 | 1 => String::new(),
        _ => format!("  {passed} passed, {failed} failed, {skipped} skipped"),
    }
}

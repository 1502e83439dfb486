//! `cargo xtask`: the commands around the pipeline (reproduce a recipe, set up, download, test, measure).
//! This file lists them; each is a module.
//!
//! No stage of the pipeline is linked here. So `cargo xtask` builds in seconds on a machine where libtorch is
//! still missing. It starts the stages as programs.

/// Replaces the standard library's `eprintln!` in all modules. The standard one panics where nobody reads
/// stderr any more, for instance after the terminal was closed, when running steps are still to be stopped.
/// (Tests keep the standard one, whose lines the test runner shows for failed tests alone.)
#[cfg(not(test))]
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stderr(), $($text)*).ok();
    }};
}

mod develop;
mod drive;
mod install;
mod system;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use develop::{bench, fuzz, test};
use drive::{new, recipes, reproduce, status, step};
use install::{doctor, download, setup, weights};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run a recipe from data to report; without flags the embedded demonstration
    Reproduce(reproduce::Args),
    /// Write a recipe for your own data, to be changed and run
    New(new::Args),
    /// List the recipes, with their runs and what they cost
    Recipes,
    /// Say how far a reproduction is
    Status(status::Args),
    /// Make one step of a recipe's plan (reproduce and a cluster's jobs start it)
    #[command(hide = true)]
    Step(step::Args),
    /// Put libtorch 2.11 into the repository (.libtorch), once
    Setup(setup::Args),
    /// Say what is installed, what is missing, and the command that fixes it
    Doctor,
    /// Fetch pretrained weights and convert them to safetensors, once
    Weights(weights::Args),
    /// Fetch a data set's official archives, check and unpack them
    Download(download::Args),
    /// Run every check of the repository and sum up
    Test(test::Args),
    /// Look for files that break a reader, with libFuzzer
    Fuzz(fuzz::Args),
    /// Measure data-prep and the trainer against the Python programs they replace
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Reproduce(args) => reproduce::run(&args),
        Task::New(args) => new::run(&args).map(succeeded),
        Task::Recipes => recipes::run().map(succeeded),
        Task::Status(args) => status::run(&args).map(succeeded),
        Task::Step(args) => step::run(&args),
        Task::Setup(args) => setup::run(&args).map(succeeded),
        Task::Doctor => doctor::run(),
        Task::Weights(args) => weights::run(&args).map(succeeded),
        Task::Download(args) => download::run(&args).map(succeeded),
        Task::Test(args) => test::run(&args),
        Task::Fuzz(args) => fuzz::run(&args).map(succeeded),
        Task::Bench(args) => bench::run(&args).map(succeeded),
    };
    done.unwrap_or_else(|error| failed(&error))
}

/// The exit code of a command that only can succeed or give an error.
fn succeeded((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Prints an error with all its causes on one line; a hint, if it has one, is on the next.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

//! Starts the `analysis` program: parses the command line, calls the library, prints an error, and
//! returns the exit code (0 done, 2 failed). What the commands do is in [`analysis::cli`].

use std::process::ExitCode;

use analysis::cli::{Cli, run};
use clap::Parser;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

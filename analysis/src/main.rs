//! The `analysis` program: parses the command line, calls the library, turns its answer into an exit
//! code (0 done, 2 failed). Everything else is in [`analysis::cli`].

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

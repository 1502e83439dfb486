//! The `data-prep` program: its command line is `data_prep::cli`.

use std::process::ExitCode;

use clap::Parser;
use data_prep::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}

//! The `data-prep` program: its command line is `data_prep::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    data_prep::cli::run()
}

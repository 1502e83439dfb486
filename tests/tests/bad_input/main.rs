//! Bad input: valid files changed in one place each, and exactly what the programs say of them.
//!
//! The cases are in `tests/fixtures/bad_input/<kind>.toml`, the valid inputs they change in `valid/`
//! beside them; the README there says how a case is written. A case without an expected outcome is
//! refused.
#![allow(clippy::unwrap_used)]

mod case;
mod change;
mod columns;
mod copy;
mod damage;
mod large;
mod sandbox;
mod table;

/// A module for each file of cases, with a test for each case: build.rs writes them.
mod cases {
    include!(concat!(env!("OUT_DIR"), "/bad_input.rs"));
}

//! Tests of bad input: each case changes one place of a valid input, runs a program on it, and compares the
//! outcome, normally one exact error message.
//!
//! The cases are in `tests/fixtures/bad_input/<kind>.toml`, the valid inputs in `valid/` beside them; the
//! README there says how a case is written. A case must state its expected outcome. `columns`, `damage` and
//! `large` are tests written in Rust that use the same inputs.
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

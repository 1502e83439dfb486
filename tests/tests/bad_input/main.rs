//! Tests of bad input. Each case changes a valid input in one place, runs a program on it, and compares the outcome,
//! which is usually one exact error message, with the expected one.
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

/// A module for each file of cases, with a test for each case. `tests/build.rs` generates them.
mod cases {
    include!(concat!(env!("OUT_DIR"), "/bad_input.rs"));
}

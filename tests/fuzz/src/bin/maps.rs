//! Fuzzes the reader of files of attribution maps (Arrow and Parquet), for `cargo xtask fuzz maps`. libFuzzer brings
//! the `main` and calls the function below with changed inputs; `fuzz::readers` says what the reader must do with any
//! input.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::maps(bytes));

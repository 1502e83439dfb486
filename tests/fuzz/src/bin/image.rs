//! Fuzzes the reader of JPEG and PNG images, for `cargo xtask fuzz image`. libFuzzer brings the `main` and calls the
//! function below with changed inputs; `fuzz::readers` says what the reader must do with any input.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::image(bytes));

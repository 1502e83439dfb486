//! Fuzzes the reader of VOC annotations, for `cargo xtask fuzz voc`. libFuzzer brings the `main` and calls the
//! function below with changed inputs; `fuzz::readers` says what the reader must do with any input.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::voc(bytes));

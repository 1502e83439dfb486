//! Fuzzes the reader of weight files (pickles, containers of `torch.save`, safetensors), for `cargo xtask fuzz
//! checkpoint`. libFuzzer brings the `main` and calls the function below with changed inputs; `fuzz::readers` says
//! what the reader must do with any input.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::checkpoint(bytes));

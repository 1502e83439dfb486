//! Fuzzes the reader of networks that PyTorch exported (`torch.export`), for `cargo xtask fuzz exported`. libFuzzer
//! brings the `main` and calls the function below with changed inputs; `fuzz::readers` says what the reader must do
//! with any input.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::exported(bytes));

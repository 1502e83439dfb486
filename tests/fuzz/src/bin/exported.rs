//! libFuzzer on networks that PyTorch exported.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::exported(bytes));

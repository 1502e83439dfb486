//! Has libFuzzer change networks that PyTorch exported and reads them.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::exported(bytes));

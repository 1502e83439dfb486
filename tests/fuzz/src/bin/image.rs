//! libFuzzer on JPEG and PNG.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::image(bytes));

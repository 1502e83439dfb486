//! Has libFuzzer change JPEG and PNG images and decodes them.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::image(bytes));

//! Has libFuzzer change COCO's compressed run lengths and decodes them.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::rle(bytes));

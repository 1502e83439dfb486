//! libFuzzer on COCO's compressed run lengths.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::rle(bytes));

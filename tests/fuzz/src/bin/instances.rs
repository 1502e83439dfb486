//! libFuzzer on COCO's instances JSON.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::instances(bytes));

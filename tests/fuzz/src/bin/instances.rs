//! Has libFuzzer change COCO's JSON of objects (`instances_*.json`) and reads it.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::instances(bytes));

//! Has libFuzzer change VOC annotations and reads them.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::voc(bytes));

//! Has libFuzzer change files of attribution maps (Arrow and Parquet) and reads them.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::maps(bytes));

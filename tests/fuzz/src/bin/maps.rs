//! libFuzzer on Arrow and Parquet map files.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::maps(bytes));

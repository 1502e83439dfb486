//! Has libFuzzer change weight files (pickles, torch.save's containers, safetensors) and reads them.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::checkpoint(bytes));

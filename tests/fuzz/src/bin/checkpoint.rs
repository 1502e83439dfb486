//! libFuzzer on weight files: pickles, torch.save's containers, safetensors.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::checkpoint(bytes));

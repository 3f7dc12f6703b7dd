//! See `shatterscope_fuzz::tensors`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::tensors(data));

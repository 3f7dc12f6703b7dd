//! See `shatterscope_fuzz::models`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::models(data));

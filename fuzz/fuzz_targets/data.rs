//! See `shatterscope_fuzz::data`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::data(data));

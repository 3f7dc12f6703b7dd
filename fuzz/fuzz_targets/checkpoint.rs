//! See `shatterscope_fuzz::checkpoint`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::checkpoint(data));

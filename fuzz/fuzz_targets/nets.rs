//! See `shatterscope_fuzz::nets`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::nets(data));

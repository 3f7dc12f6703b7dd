//! See `shatterscope_fuzz::device`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::device(data));

//! See `shatterscope_fuzz::native`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::native(data));

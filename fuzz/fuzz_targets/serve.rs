//! See `shatterscope_fuzz::serve`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::serve(data));

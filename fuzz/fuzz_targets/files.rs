//! See `shatterscope_fuzz::files`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::files(data));

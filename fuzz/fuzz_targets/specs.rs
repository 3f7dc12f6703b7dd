//! See `shatterscope_fuzz::specs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::specs(data));

//! See `shatterscope_fuzz::graph`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::graph(data));

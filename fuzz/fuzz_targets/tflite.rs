//! See `shatterscope_fuzz::tflite`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::tflite(data));

//! See `shatterscope_fuzz::onnx`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| shatterscope_fuzz::onnx(data));

//! One program for all tests at the edge of memory.
mod convolutions;
mod kernels;
mod networks;
#[cfg(target_arch = "x86_64")]
mod planted;
mod trainer;

//! All integration tests of the core in one program: one link instead of a dozen. A new file needs its `mod` line here.
mod arena;
mod bits;
mod buffers;
mod cases;
mod common;
mod dilated;
mod draws;
mod gradients;
mod graph;
mod images;
#[cfg(feature = "int8")]
mod int8;
mod invariance;
mod kernels;
mod math;
mod points;
mod recompute;
mod session;
#[cfg(feature = "flash")]
mod slots;
mod soft_float;
mod tiles;
mod train;
mod trainer;
mod vectors;
#[cfg(feature = "wire")]
mod wire;

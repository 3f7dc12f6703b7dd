//! One function a kernel and way to compute it, never inlined, so that the linked program has a symbol for each.
use crate::data::{PANEL, WEIGHTS, WIDTH};
use shatterscope::contract::Red16;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{self, Along, Matrix, chain, chain_matrix, descend, draw, weight_gradient};
use shatterscope::internals::op;
use shatterscope::internals::op::naive;
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream};

/// Who computes: a type, so that the compiler sees which instructions are meant, as it does in a firmware.
pub trait How {
    const NAME: &str;
    /// None for the plain loops that define the kernel.
    fn isa() -> Option<Isa>;
}

/// The best kernel of the core at hand.
pub struct Detected;
/// Safe Rust.
pub struct Portable;
/// The definition.
pub struct Naive;

impl How for Detected {
    const NAME: &str = "detected";
    fn isa() -> Option<Isa> {
        Some(Isa::detect())
    }
}

impl How for Portable {
    const NAME: &str = "portable";
    fn isa() -> Option<Isa> {
        Some(Isa::Portable)
    }
}

impl How for Naive {
    const NAME: &str = "naive";
    fn isa() -> Option<Isa> {
        None
    }
}

/// Rows of the register tile of a board with this core.
#[cfg(soft_float)]
pub const ROWS: usize = 1;
#[cfg(not(soft_float))]
pub const ROWS: usize = 4;

/// The kernels: what they read, and what they write.
pub trait Kernels: How {
    fn dense_forward(x: &[f32], y: &mut [f32]);
    fn grad_input(g: &[f32], y: &mut [f32]);
    fn grad_weight(x: &[f32], g: &[f32], weights: &mut [f32]);
    /// At a rate of a twentieth.
    fn descend(x: &[f32], g: &[f32], weights: &mut [f32]);
    fn dense_forward_packed(x: &[[f32; 4]], y: &mut [[f32; 4]]);
    fn relu_forward(x: &mut [f32], tape: &mut [u8]);
    fn relu_backward(g: &mut [f32], tape: &[u8]);
    fn draw(normal: Normal, along: Along, out: &mut [f32]);
    fn red16(x: &[f32]) -> f32;
    /// Statistics, normalisation, and the gradient through both.
    fn batch_norm(z: &mut [f32], y: &mut [f32], g: &mut [f32]);
}

/// An implementation of its own for each: the name of a symbol has the type that implements a trait, and no other.
macro_rules! kernels {
    ($($how:ty),*) => {$(
        impl Kernels for $how {
            #[inline(never)]
            fn dense_forward(x: &[f32], y: &mut [f32]) {
                let Some(isa) = Self::isa() else { return naive::dense(&WEIGHTS, &[], WIDTH, 1, x, y) };
                let w = Matrix { data: &WEIGHTS, stride: WIDTH, transposed: false };
                chain_matrix::<ROWS, 1>(isa, w, x.as_chunks().0, y.as_chunks_mut().0);
            }

            #[inline(never)]
            fn grad_input(g: &[f32], y: &mut [f32]) {
                let Some(isa) = Self::isa() else { return naive::dense_transposed(&WEIGHTS, WIDTH, WIDTH, 1, g, y) };
                let w = Matrix { data: &WEIGHTS, stride: WIDTH, transposed: true };
                chain_matrix::<ROWS, 1>(isa, w, g.as_chunks().0, y.as_chunks_mut().0);
            }

            #[inline(never)]
            fn grad_weight(x: &[f32], g: &[f32], weights: &mut [f32]) {
                let shape = (g.len(), x.len(), 1);
                match Self::isa() {
                    Some(isa) => weight_gradient(isa, shape, x, g, weights),
                    // Cannot fail: the lengths are the slices' own.
                    None => drop(op::dense_backward_parameters(shape, x, g, weights, &mut [])),
                }
            }

            #[inline(never)]
            fn descend(x: &[f32], g: &[f32], weights: &mut [f32]) {
                let Some(isa) = Self::isa() else {
                    for (g, row) in g.iter().zip(weights.chunks_exact_mut(x.len().max(1))) {
                        row.iter_mut().zip(x).for_each(|(w, x)| *w -= 0.05 * (g * x));
                    }
                    return;
                };
                descend(isa, (g.len(), x.len()), 0.05, x, g, weights);
            }

            #[inline(never)]
            fn dense_forward_packed(x: &[[f32; 4]], y: &mut [[f32; 4]]) {
                match Self::isa() {
                    Some(isa) => chain::<4, 4>(isa, &PANEL, x, y),
                    None => naive::dense(&WEIGHTS, &[], WIDTH, 4, x.as_flattened(), y.as_flattened_mut()),
                }
            }

            #[inline(never)]
            fn relu_forward(x: &mut [f32], tape: &mut [u8]) {
                match Self::isa() {
                    Some(isa) => kernel::relu_forward(isa, x, tape),
                    None => op::relu_forward(x, tape),
                }
            }

            #[inline(never)]
            fn relu_backward(g: &mut [f32], tape: &[u8]) {
                match Self::isa() {
                    Some(isa) => kernel::relu_backward(isa, g, tape),
                    None => op::relu_backward(g, tape),
                }
            }

            #[inline(never)]
            fn draw(normal: Normal, along: Along, out: &mut [f32]) {
                let stream = Stream::new(1, 0, Purpose::Weight, 1, normal);
                if let Some(isa) = Self::isa() {
                    return draw(isa, &stream, (3, 5), along, 0.1, out);
                }
                for (i, out) in (0..).zip(out) {
                    let (row, column) = if along == Along::Row { (3, 5 + i) } else { (3 + i, 5) };
                    *out = stream.value(row, column) * 0.1;
                }
            }

            #[inline(never)]
            fn red16(x: &[f32]) -> f32 {
                Red16::sum(x.iter().copied())
            }

            #[inline(never)]
            fn batch_norm(z: &mut [f32], y: &mut [f32], g: &mut [f32]) {
                let moments = op::batch_norm_moments(z, 1e-5, Math::Libm);
                op::batch_norm_forward(z, moments, None, y);
                op::batch_norm_backward_full(g, z, moments.inv, None);
            }
        }
    )*};
}

kernels!(Detected, Portable, Naive);

//! Layers on values of int8, whose sums are integers: products of bytes, then a multiplier and a shift for each channel.
//!
//! Images are `[row][column][channel]`, as in .tflite files, weights of a convolution `[out][row][column][in]`, of a depthwise one
//! `[row][column][out]`, of a dense layer `[out][in]`. The parameters of a layer are one slice of words: the weights, four a word, then a record
//! of three words for each channel out: bias, multiplier, shift. The bias includes the zero point of the input:
//! `bias - input_zero * (sum of the channel's weights)`, so the kernels multiply bytes as they are, and a tap outside of the image reads the
//! zero point. With `acc` the sum in wrapping 32-bit arithmetic,
//!
//! `y = clamp(output_zero + requantise(acc, multiplier, shift), low, high)`.
//!
//! No integer sum depends on its order, so all kernels have the same bits.
mod add;
mod depthwise;
mod layer;
mod patches;
mod portable;
mod requantise;
#[cfg(thumb)]
mod thumb;

pub use crate::shape::int8::{
    quantised_add_scratch, quantised_conv_scratch, quantised_dense_scratch, quantised_depthwise_scratch,
};
pub use add::{Addition, quantised_add};
use depthwise::Depthwise;
use layer::Layer;
pub use requantise::{requantise, requantise_real};

use super::Isa;
use crate::shape::GroupedConv;

/// Zero points of a layer's input and output, and the bounds of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantisation {
    /// The byte that stands for 0 in the input.
    pub input_zero: i8,
    /// The byte that stands for 0 in the output.
    pub output_zero: i8,
    /// The least output: -128, or what a fused activation allows.
    pub low: i8,
    /// The largest output.
    pub high: i8,
}

impl Quantisation {
    /// Whether every byte is within the bounds.
    #[cfg_attr(not(thumb), allow(dead_code, reason = "kernels of Cortex-M"))]
    const fn is_unbounded(&self) -> bool {
        self.low == i8::MIN && self.high == i8::MAX
    }

    /// An output from a requantised sum.
    #[inline(always)]
    fn output(&self, value: i32) -> i8 {
        let y = value.saturating_add(i32::from(self.output_zero));
        if y <= i32::from(self.low) {
            self.low
        } else if y >= i32::from(self.high) {
            self.high
        } else {
            y as i8
        }
    }
}

/// Which kernels an instruction set has for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(thumb), allow(dead_code, reason = "kernels of Cortex-M"))]
pub(super) enum Products {
    /// What the compiler makes of safe Rust.
    Portable,
    /// Two products in the halves of a word, by one multiplication of 32 bits.
    Halves,
    /// Two products and their sum in an instruction: the DSP extension of Armv7E-M and Armv8-M.
    Pairs,
}

impl Products {
    /// The fastest kernels of a Cortex-M.
    #[cfg(thumb)]
    pub(super) fn of_thumb() -> Self {
        if thumb::has_dsp() { Self::Pairs } else { Self::Halves }
    }

    fn of(isa: Isa) -> Self {
        use super::set::InstructionSet;
        super::isa::dispatch!(isa, Set => Set::products(), otherwise: Self::Portable)
    }
}

/// A convolution with one group. Slices that are too short change nothing.
#[inline(never)]
pub fn quantised_conv(
    isa: Isa,
    conv: &GroupedConv,
    at: &Quantisation,
    parameters: &[i32],
    x: &[i8],
    scratch: &mut [u32],
    y: &mut [i8],
) {
    let Some(layer) = Layer::conv(conv, parameters, x, y) else { return };
    layer.run(Products::of(isa), at, scratch, y);
}

/// A dense layer. With `real` a record has the bias and the two words of a multiplier of f64, the low one first, and the output is
/// `clamp(output_zero + requantise_real(acc, multiplier), low, high)`. Slices that are too short change nothing.
#[inline(never)]
pub fn quantised_dense(
    isa: Isa,
    real: bool,
    at: &Quantisation,
    parameters: &[i32],
    x: &[i8],
    scratch: &mut [u32],
    y: &mut [i8],
) {
    let Some(layer) = Layer::dense(real, parameters, x, y) else { return };
    layer.run(Products::of(isa), at, scratch, y);
}

/// A convolution whose groups have one channel in and any number of channels out, with weights `[row][column][out]`. Slices that are too
/// short change nothing.
#[inline(never)]
pub fn quantised_depthwise(
    isa: Isa,
    conv: &GroupedConv,
    at: &Quantisation,
    parameters: &[i32],
    x: &[i8],
    scratch: &mut [u32],
    y: &mut [i8],
) {
    let Some(layer) = Depthwise::new(conv, parameters, x, y) else { return };
    layer.run(Products::of(isa), at, scratch, y);
}

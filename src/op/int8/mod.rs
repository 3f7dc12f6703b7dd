//! Operations on int8 values, one file each: the plain loops of `docs/numerics.md`, section "int8", which are the definition.
//!
//! Elements are `[row][column][channel]`, one point at a time. Whatever depends on a profile of rounding is in the numbers: multipliers, shifts, tables,
//! and the choice between [`quantised_dense`] and [`quantised_dense_real`]. Sums and products of i32 wrap.
mod add;
mod average_pool;
mod broadcast;
mod concat;
mod conv;
mod dense;
mod depthwise;
mod dequantise;
mod fixed_point;
mod graph;
mod max_pool;
mod mean;
mod multiply;
mod pad;
mod quantise;
mod requantise;
mod softmax;
mod table;

use super::dilated::Dilated;
use super::positions::at;
use super::{DilatedWindow, Image, long_enough};
use crate::error::{Buffer, Error, InvalidSpec};

pub use add::{QuantisedAdd, quantised_add};
pub use average_pool::quantised_average_pool;
pub use concat::quantised_concat;
pub use conv::{QuantisedConv, quantised_conv};
pub use dense::{QuantisedDense, quantised_dense, quantised_dense_real};
pub use depthwise::quantised_depthwise;
pub use dequantise::dequantise;
pub use fixed_point::{exp_negative, logistic, one_over_one_plus, tanh};
pub use graph::Quantised;
pub use max_pool::quantised_max_pool;
pub use mean::{QuantisedMean, quantised_mean};
pub use multiply::{QuantisedMultiply, quantised_multiply};
pub use pad::{QuantisedPad, quantised_pad};
pub use quantise::quantise;
pub use requantise::{Bounds, Scale, doubled_high_product, multiplier, rounded_product, rounded_shift};
pub use softmax::{QuantisedSoftmax, quantised_softmax};
pub use table::quantised_table;

/// The units of an image as a length; None past 2^32 - 1, or past what an address counts.
fn units(image: &Image) -> Option<usize> {
    image.units().and_then(|units| usize::try_from(units).ok())
}

/// The positions of a window on an image, and the image that they make with so many channels.
fn placed(window: &DilatedWindow, image: &Image, channels: u32) -> Result<(Dilated, Image), Error> {
    match window.positions(image) {
        Some((height, width)) => Ok((Dilated::new(window, image)?, Image { channels, height, width })),
        None => Err(Error::InvalidSpec(InvalidSpec::Window)),
    }
}

/// The positions of a pool whose every position sees some of the image.
fn pooled(window: &DilatedWindow, image: &Image) -> Result<(Dilated, Image), Error> {
    if window.positions(image).is_some() && !window.sees_everywhere(image) {
        return Err(Error::InvalidSpec(InvalidSpec::Pool));
    }
    placed(window, image, image.channels)
}

/// Checks that operand and value have the elements of their images.
fn check(x: &[i8], input: &Image, y: &[i8], output: &Image) -> Result<(), Error> {
    long_enough(Buffer::Inputs, x.len(), units(input))?;
    long_enough(Buffer::Outputs, y.len(), units(output))
}

//! A layer whose lengths are checked: a dense layer is a convolution with one position that sees its whole input.
use super::{Products, Quantisation, portable};
use crate::shape::{Axis, GroupedConv};

/// What a layer reads.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    /// Rows and columns of the window.
    pub axes: [Axis; 2],
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Weights of a channel out, at least one.
    pub k: usize,
    /// Whether the records have multipliers of f64.
    pub real: bool,
    /// All parameters as bytes: the weights of each channel are followed by three bytes or more.
    pub weights: &'a [i8],
    /// One for each channel out.
    pub records: &'a [[i32; 3]],
    pub x: &'a [i8],
}

/// Weights as bytes, and the records of so many channels. None where the slice is too short.
pub(super) fn parameters(parameters: &[i32], weights: usize, outputs: usize) -> Option<(&[i8], &[[i32; 3]])> {
    let records = parameters.get(weights.div_ceil(4)..)?.as_chunks::<3>().0.get(..outputs)?;
    Some((bytemuck::must_cast_slice(parameters), records))
}

impl<'a> Layer<'a> {
    pub fn conv(conv: &GroupedConv, words: &'a [i32], x: &'a [i8], y: &[i8]) -> Option<Self> {
        let axes = conv.window.axes(&conv.input)?;
        let (inputs, outputs) = (conv.input.channels as usize, conv.channels as usize);
        let k = usize::try_from(conv.weights_each()?).ok()?;
        let [positions, pixels] = [axes.map(|axis| axis.positions), axes.map(|axis| axis.size)]
            .map(|[rows, columns]| rows.checked_mul(columns));
        let fits = conv.groups == 1
            && k > 0
            && pixels?.checked_mul(inputs)? == x.len()
            && positions?.checked_mul(outputs)? == y.len();
        let (weights, records) = parameters(words, k.checked_mul(outputs)?, outputs)?;
        fits.then_some(Self { axes, inputs, outputs, k, real: false, weights, records, x })
    }

    pub fn dense(real: bool, words: &'a [i32], x: &'a [i8], y: &[i8]) -> Option<Self> {
        let axis = Axis { size: 1, positions: 1, taps: 1, stride: 1, dilation: 1, before: 0 };
        let (k, outputs) = (x.len(), y.len());
        let (weights, records) = parameters(words, k.checked_mul(outputs)?, outputs)?;
        (k > 0).then_some(Self { axes: [axis; 2], inputs: k, outputs, k, real, weights, records, x })
    }

    /// Positions of the window.
    #[cfg_attr(not(thumb), allow(dead_code, reason = "kernels of Cortex-M"))]
    pub fn positions(&self) -> usize {
        // Nothing wraps: `conv` compared the product with a slice's length.
        self.axes[0].positions.wrapping_mul(self.axes[1].positions)
    }

    /// Computes it with the kernels where scratch suffices and sums are in their range, otherwise portably.
    pub fn run(&self, products: Products, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) {
        let _ = products;
        #[cfg(thumb)]
        if products != Products::Portable && super::thumb::layer(self, products, at, scratch, y) {
            return;
        }
        portable::layer(self, at, scratch, y);
    }
}

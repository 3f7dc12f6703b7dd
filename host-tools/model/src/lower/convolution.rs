//! Convolutions.
use super::extents::{image, product};
use super::{Lower, Lowered};
use crate::window;
use shatterscope::graph::{DilatedWindow, Op, Shape};
use shatterscope_import::{Order, ValueId};

/// The window of a convolution or pool, for each spatial axis.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub strides: &'a [usize],
    /// At the beginnings of all axes, then at their ends.
    pub pads: &'a [usize],
    pub dilations: &'a [usize],
}

impl Window<'_> {
    /// The window with kernels of this size; an image of one spatial axis has one row.
    pub fn dilated(&self, kernel: &[usize]) -> Lowered<DilatedWindow> {
        let Self { strides, pads, dilations } = *self;
        let axes = kernel.len();
        let byte = |what: &str, n: usize| {
            u8::try_from(n).map_err(|_| format!("its {what} of {n} is too large: at most 255 are supported"))
        };
        let taps = |n: usize| u16::try_from(n).map_err(|_| format!("its kernel of {n} taps is too large"));
        // The last axis is columns; the one before rows.
        let (strides, dilations) = (|i: usize| byte("stride", strides[i]), |i: usize| byte("dilation", dilations[i]));
        let pad = |i: usize| byte("padding", pads[i]);
        Ok(match axes {
            1 => DilatedWindow {
                height: 1,
                width: taps(kernel[0])?,
                strides: [1, strides(0)?],
                dilations: [1, dilations(0)?],
                padding: [0, pad(0)?, 0, pad(1)?],
            },
            2 => DilatedWindow {
                height: taps(kernel[0])?,
                width: taps(kernel[1])?,
                strides: [strides(0)?, strides(1)?],
                dilations: [dilations(0)?, dilations(1)?],
                padding: [pad(0)?, pad(1)?, pad(2)?, pad(3)?],
            },
            _ => return Err(format!("it has {axes} spatial axes: one or two are supported")),
        })
    }
}

impl Lower<'_> {
    pub(super) fn conv(&mut self, inputs: &[ValueId], window: Window<'_>, groups: usize, order: Order) -> Lowered<u32> {
        let operand = inputs[0];
        let dims = self.image_dims(operand)?;
        let (shape, weights) = self.constant(inputs[1], "its weights")?;
        let bias = inputs.get(2).map(|&bias| self.constant(bias, "its biases")).transpose()?.map(|(_, bias)| bias);
        let window = window.dilated(&shape[2..])?;
        let image = image(dims)?;
        let x = self.at(operand)?;
        let x = self.view(x, image)?;
        let channels = u32::try_from(shape[0]).map_err(|_| "it has too many channels".to_owned())?;
        let groups = groups as u32;
        if order == Order::Tflite {
            let sum = self.push(Op::TapsFirstConv { channels, groups, window }, x, x, weights)?;
            // TFLite adds a bias that is not there as +0.0, which changes no sum that starts from +0.0.
            return match bias {
                Some(bias) => self.shift_channels(sum, bias),
                None => Ok(sum),
            };
        }
        let parameters = [weights, bias.unwrap_or(&[])].concat();
        let bias = bias.is_some();
        let op = window::conv(channels, groups, window, bias);
        self.push(op, x, x, &parameters)
    }

    /// The dimensions of an image without the batch, which is one example.
    pub(super) fn image_dims(&self, value: ValueId) -> Lowered<&[usize]> {
        let dims = self.dims(value);
        match dims {
            _ if self.batched => Ok(dims),
            [1, rest @ ..] => Ok(rest),
            _ => Err(format!(
                "its operand is {dims:?}: a batch of {} is supported only if no operation of the model mixes examples",
                dims.first().copied().unwrap_or(0)
            )),
        }
    }

    /// Adds a number to each channel.
    pub(super) fn shift_channels(&mut self, x: u32, bias: &[f32]) -> Lowered<u32> {
        let Shape { channels, .. } = self.shape(x);
        if bias.len() != channels as usize {
            return Err(format!("it has {} biases for {channels} channels", bias.len()));
        }
        let shape = Shape::vector(channels);
        let bias = self.constant_from(shape, 0.0, bias)?;
        self.pair(shatterscope::graph::Pair::Add, x, bias)
    }

    /// The elements of an image's spatial axes.
    pub(super) fn plane(dims: &[usize]) -> usize {
        product(&dims[1..])
    }
}

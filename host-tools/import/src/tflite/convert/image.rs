//! Convolutions and pools.
use super::{FIRST, LAST, Scope};
use crate::{
    error::Result,
    model::ValueId,
    operation::{Operation, Order},
};

impl Scope<'_, '_> {
    /// Padding of rows and columns: begins, then ends.
    pub fn padding(&self, spatial: [usize; 2], window: [usize; 2], strides: [usize; 2]) -> Result<Vec<usize>> {
        match self.byte(0)? {
            1 => Ok(vec![0; 4]),
            0 => {
                let total = |i: usize| {
                    let places = spatial[i].div_ceil(strides[i]);
                    ((places - 1).saturating_mul(strides[i])).saturating_add(window[i]).saturating_sub(spatial[i])
                };
                let (y, x) = (total(0), total(1));
                Ok(vec![y / 2, x / 2, y - y / 2, x - x / 2])
            }
            other => Err(self.site.error(format!("padding number {other}, expected 0 or 1"))),
        }
    }

    /// An image with the channels last.
    pub fn image(&self, x: ValueId) -> Result<[usize; 4]> {
        let shape = self.shape(x);
        <[usize; 4]>::try_from(shape.as_slice()).map_err(|_| {
            self.site.error(format!("an operand of shape {shape:?}, expected [batch, row, column, channel]"))
        })
    }

    pub fn conv(&mut self, depthwise: bool) -> Result<ValueId> {
        let (x, w) = (self.operand(0)?, self.operand(1)?);
        let ([_, height, width, channels], [out, rows, columns, each]) = (self.image(x)?, self.image(w)?);
        let strides = vec![self.positive(2, "stride_h", 0)?, self.positive(1, "stride_w", 0)?];
        let (activation, dilation) = if depthwise { (4, 5) } else { (3, 4) };
        let dilations = vec![
            self.positive(dilation + 1, "dilation_h_factor", 1)?,
            self.positive(dilation, "dilation_w_factor", 1)?,
        ];
        if rows == 0 || columns == 0 || each == 0 {
            return Err(self.site.error(format!("a filter of shape {:?}", self.shape(w))));
        }
        let extent = |n: usize, d: usize| (n - 1).saturating_mul(d).saturating_add(1);
        let window = [extent(rows, dilations[0]), extent(columns, dilations[1])];
        let pads = self.padding([height, width], window, [strides[0], strides[1]])?;
        let (groups, filter) = if depthwise {
            if out != 1 {
                return Err(self.site.error(format!("a filter of shape {:?}, expected [1, ...]", self.shape(w))));
            }
            (channels, self.move_axes(w, &[3, 0, 1, 2])?)
        } else {
            (channels / each, self.move_axes(w, &FIRST)?)
        };
        let image = self.move_axes(x, &FIRST)?;
        let operands = [Some(image), Some(filter), self.operands.get(2).copied().flatten()];
        let operands: Vec<ValueId> = operands.into_iter().flatten().collect();
        let y = self.emit(Operation::Conv { strides, pads, dilations, groups, order: Order::Tflite }, &operands)?;
        let y = self.move_axes(y, &LAST)?;
        self.fused(y, activation)
    }

    pub fn pool(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let [_, height, width, _] = self.image(x)?;
        let strides = vec![self.positive(2, "stride_h", 0)?, self.positive(1, "stride_w", 0)?];
        let kernel = vec![self.positive(4, "filter_height", 0)?, self.positive(3, "filter_width", 0)?];
        let pads = self.padding([height, width], [kernel[0], kernel[1]], [strides[0], strides[1]])?;
        let image = self.move_axes(x, &FIRST)?;
        let op = if self.code == 17 {
            Operation::MaxPool { kernel, strides, pads, dilations: vec![1, 1] }
        } else {
            Operation::AveragePool { kernel, strides, pads, count_include_pad: false }
        };
        let y = self.emit(op, &[image])?;
        let y = self.move_axes(y, &LAST)?;
        self.fused(y, 5)
    }
}

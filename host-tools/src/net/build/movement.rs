//! The same elements in other places.
use super::super::assemble::{Assembler, shape_of};
use super::super::parse::Layer;
use super::{AXES, Made};
use shatterscope::graph::{Axis, Op, PadMode, Shape};

impl Assembler<'_> {
    /// The value under another shape; itself where it has that.
    pub fn reshaped(&mut self, x: u32, shape: Shape) -> Made<u32> {
        if self.shape(x) == shape { Ok(x) } else { self.push(Op::Reshape { shape }, x, x) }
    }

    fn needed_shape(&self, layer: &Layer) -> Made<Shape> {
        let extents = layer
            .extents("shape")?
            .ok_or("it needs the key shape: [channels], [channels, columns] or [channels, rows, columns]")?;
        shape_of(&extents)
    }

    pub fn reshape(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let units = self.shape(x).units().ok_or("its operand has too many units")?;
        let shape = if layer.operation == "flatten" { Shape::vector(units) } else { self.needed_shape(layer)? };
        if shape.units() != Some(units) {
            return Err(format!("its operand has {units} units, and shape another number"));
        }
        self.push(Op::Reshape { shape }, x, x)
    }

    pub fn transpose(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        match layer.words("axes", &AXES)?[..] {
            [channels, rows, columns] => self.push(Op::Transpose { channels, rows, columns }, x, x),
            _ => Err("axes: expected three axes, those that become channels, rows and columns".to_owned()),
        }
    }

    pub fn slice(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let axis = layer.word("axis", &AXES, Some(Axis::Channels))?;
        let start = layer.count("start")?.unwrap_or_default();
        let step = layer.signed("step")?.unwrap_or(1);
        let count = layer.needed_count("count")?;
        self.push(Op::Slice { axis, start, step, count }, x, x)
    }

    pub fn pad(&mut self, layer: &Layer) -> Made<u32> {
        const MODES: [(&str, PadMode); 3] =
            [("constant", PadMode::Constant), ("reflect", PadMode::Reflect), ("edge", PadMode::Edge)];
        let x = self.operand(layer)?;
        let mode = layer.word("mode", &MODES, Some(PadMode::Constant))?;
        let constant = layer.number("value")?.unwrap_or_default();
        if constant != 0.0 && mode != PadMode::Constant {
            return Err("value: it is for the mode constant".to_owned());
        }
        let both = |key: &str| match layer.pair(key, false, 0)? {
            None => Ok(0),
            Some([before, after]) if before <= 0xffff && after <= 0xffff => Ok(before | after << 16),
            Some(_) => Err(format!("{key}: at most 65535 before and after")),
        };
        let (channels, rows, columns) = (both("channels")?, both("rows")?, both("columns")?);
        self.push(Op::Pad { mode, constant, channels, rows, columns }, x, x)
    }

    pub fn expand(&mut self, layer: &Layer) -> Made<u32> {
        let (x, shape) = (self.operand(layer)?, self.needed_shape(layer)?);
        self.push(Op::Expand { shape }, x, x)
    }

    pub fn resize(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let axis = layer.word("axis", &AXES, None)?;
        let size = layer.needed_count("size")?;
        let (numerator, denominator) = (layer.needed_count("numerator")?, layer.needed_count("denominator")?);
        let offset = layer.signed("offset")?.unwrap_or_default();
        self.push(Op::Resize { axis, size, numerator, offset, denominator }, x, x)
    }

    /// Each row and column several times, as PyTorch's `Upsample` with `nearest`.
    pub fn upsample(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let Shape { height, width, .. } = self.shape(x);
        let [rows, columns] =
            layer.pair("scale", height == 1, 1)?.ok_or("it needs the key scale, a whole number or [rows, columns]")?;
        let mut value = x;
        for (axis, scale, old) in [(Axis::Rows, rows, height), (Axis::Columns, columns, width)] {
            let size = u32::from(old).checked_mul(scale).filter(|size| *size > 0);
            let size = size
                .ok_or_else(|| format!("scale = {scale}: expected at least 1, and fewer than 2^32 rows and columns"))?;
            if scale > 1 {
                value =
                    self.push(Op::Resize { axis, size, numerator: 1, offset: 0, denominator: scale }, value, value)?;
            }
        }
        if value == x { Err("scale = 1 changes nothing: leave it out".to_owned()) } else { Ok(value) }
    }

    pub fn shortcut(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let channels = layer.at_least_one("channels", self.shape(x).channels)?;
        let stride = layer.at_least_one("stride", 1)?;
        self.push(Op::Shortcut { channels, stride }, x, x)
    }
}

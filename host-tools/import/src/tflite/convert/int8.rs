//! Operators on int8.
use super::Scope;
use crate::{
    builder::{Element, must_be_constant},
    error::{Result, quoted},
    int8::{self, Int8, Int8Function, Quantisation},
    model::ValueId,
    operation::Operation,
    shape,
};

/// Whether the operator with this number is supported on int8.
pub const fn is_known(code: i32) -> bool {
    matches!(code, 0..=4 | 6 | 9 | 14 | 17..=19 | 21 | 22 | 25 | 28 | 34 | 40 | 43 | 70 | 98 | 114 | 117)
}

/// What the file says of an operator's result.
pub struct Output<'t> {
    pub quantisation: Option<&'t Quantisation>,
    /// Whether it is of int8, not of f32.
    pub int8: bool,
}

/// The result of an operator.
pub fn convert(mut s: Scope<'_, '_>, output: &Output<'_>) -> Result<ValueId> {
    let function = |function: Int8Function| Int8::Function(function);
    match s.code {
        0 => s.joined(Int8::Add, output),
        18 => s.joined(Int8::Mul, output),
        1 | 17 => s.int8_pool(output),
        2 => s.int8_concatenation(output),
        3 | 4 => s.int8_conv(output),
        6 => s.dequantised(),
        9 => s.int8_dense(output),
        14 => s.one(function(Int8Function::Logistic), output),
        19 => s.one(function(Int8Function::Relu), output),
        21 => s.one(function(Int8Function::Relu6), output),
        28 => s.one(function(Int8Function::Tanh), output),
        98 => {
            let alpha = s.float(0, 0.0)?;
            s.one(function(Int8Function::LeakyRelu { alpha }), output)
        }
        117 => s.one(function(Int8Function::HardSwish), output),
        22 => {
            let to = s.new_shape()?;
            s.same_bytes(&to, output)
        }
        43 => {
            let to = s.squeezed_shape()?;
            s.same_bytes(&to, output)
        }
        70 => {
            let to = s.expanded_shape()?;
            s.same_bytes(&to, output)
        }
        25 => s.int8_softmax(output),
        34 => s.int8_pad(output),
        40 => s.int8_mean(output),
        114 => s.quantised(output),
        _ => Err(s.site.unsupported("on int8")),
    }
}

impl Scope<'_, '_> {
    /// The scale and the zero point of the result, which the file must state.
    fn scale_of(&self, output: &Output<'_>) -> Result<(f32, i32)> {
        let single = output.quantisation.filter(|q| q.scales.len() == 1);
        match single {
            Some(q) if output.int8 && i8::try_from(q.zeros[0]).is_ok() => Ok((q.scales[0], q.zeros[0])),
            Some(q) if output.int8 => Err(self.site.error(format!("its output has the zero point {}", q.zeros[0]))),
            Some(_) => Err(self.site.unsupported("from int8 to f32")),
            None => Err(self.site.error("its output has no scale, or more than one")),
        }
    }

    /// An operand of int8 that an input determines, with its scale and zero point.
    fn bytes(&self, i: usize) -> Result<(ValueId, f32, i32)> {
        let id = self.operand(i)?;
        let value = &self.builder.values[id];
        if value.constant.is_some() {
            return Err(self.site.unsupported(format!("with the constant {} of int8", quoted(&value.name))));
        }
        match (self.builder.kinds[id], int8::single(value)) {
            (Element::Int8, Some((scale, zero))) => Ok((id, scale, zero)),
            (Element::Int8, None) => {
                Err(self.site.error(format!("operand {} has no scale, or more than one", quoted(&value.name))))
            }
            (Element::Float, _) => Err(self.site.unsupported("with operands of f32 and int8")),
            (Element::Other(kind), _) => Err(self.site.unsupported(must_be_constant(&value.name, kind))),
        }
    }

    /// Adds an operation with a result of int8.
    fn put(&mut self, op: Int8, clamp: [i8; 2], inputs: &[ValueId], output: &Output<'_>) -> Result<ValueId> {
        let (scale, zero) = self.scale_of(output)?;
        let op = Operation::Int8 { op, clamp };
        let id = self.builder.emit_int8(self.site, op, inputs, None)?;
        self.builder.kinds[id] = Element::Int8;
        self.builder.values[id].quantisation = Some(Quantisation { scales: vec![scale], zeros: vec![zero], axis: 0 });
        Ok(id)
    }

    /// What the activation that is part of an operator clamps the result to.
    fn clamp(&self, field: usize, output: &Output<'_>) -> Result<[i8; 2]> {
        let (scale, zero) = self.scale_of(output)?;
        // The f32 quotient, rounded half away from zero.
        let at = |x: f32| {
            let steps = (x / scale).round();
            (steps.clamp(-1000.0, 1000.0) as i32 + zero).clamp(-128, 127) as i8
        };
        match self.byte(field)? {
            0 => Ok([-128, 127]),
            1 => Ok([at(0.0), 127]),
            2 => Ok([at(-1.0), at(1.0)]),
            3 => Ok([at(0.0), at(6.0)]),
            other => Err(self.site.unsupported(format!("with activation number {other} on int8"))),
        }
    }

    fn one(&mut self, op: Int8, output: &Output<'_>) -> Result<ValueId> {
        let (x, ..) = self.bytes(0)?;
        self.put(op, [-128, 127], &[x], output)
    }

    fn joined(&mut self, op: Int8, output: &Output<'_>) -> Result<ValueId> {
        let ((a, ..), (b, ..)) = (self.bytes(0)?, self.bytes(1)?);
        let clamp = self.clamp(0, output)?;
        self.put(op, clamp, &[a, b], output)
    }

    /// Weights, and a bias if there is one, which have to be constant and to have the scales that the operation wants.
    fn weights(&self, axis: usize, x: (f32, i32)) -> Result<Vec<ValueId>> {
        let id = self.operand(1)?;
        let value = &self.builder.values[id];
        let named = quoted(&value.name);
        let Some(tensor) = value.constant.as_ref().and_then(|tensor| tensor.integers()) else {
            return Err(self.site.unsupported(format!("with weights {named} that are computed, or not of int8")));
        };
        if tensor.iter().any(|w| i8::try_from(*w).is_err()) {
            return Err(self.site.unsupported(format!("with weights {named} that are not of int8")));
        }
        let outputs = value.shape.get(axis).copied().unwrap_or(0);
        let Some(q) = &value.quantisation else {
            return Err(self.site.error(format!("weights {named} have no scales")));
        };
        if q.zeros.iter().any(|&zero| zero != 0) {
            return Err(self.site.unsupported(format!("with zero points of weights {named} that are not 0")));
        }
        if q.scales.len() != 1 && (q.scales.len() != outputs || q.axis != axis) {
            let (n, at) = (q.scales.len(), q.axis);
            return Err(self
                .site
                .error(format!("weights {named} have {n} scales of axis {at}, expected {outputs} of axis {axis}")));
        }
        let Some(bias) = self.operands.get(2).copied().flatten() else { return Ok(vec![id]) };
        let value = &self.builder.values[bias];
        let named = quoted(&value.name);
        let Some(numbers) = value.constant.as_ref().and_then(|tensor| tensor.integers()) else {
            return Err(self.site.unsupported(format!("with a bias {named} that is computed, or not of int32")));
        };
        if numbers.iter().any(|n| i32::try_from(*n).is_err()) {
            return Err(self.site.unsupported(format!("with a bias {named} that is not of int32")));
        }
        // The sum is of x w: a bias of another scale would be added to other units.
        if let Some(own) = &value.quantisation {
            let of = |scales: &[f32], i: usize| if scales.len() == 1 { scales[0] } else { scales[i] };
            let far = (0..outputs).any(|i| {
                let (expected, found) =
                    (f64::from(x.0) * f64::from(of(&q.scales, i)), own.scales.get(i.min(own.scales.len() - 1)));
                found.is_none_or(|&found| (f64::from(found) - expected).abs() > 1e-2 * expected)
            });
            if far || own.zeros.iter().any(|&zero| zero != 0) {
                return Err(self
                    .site
                    .error(format!("bias {named} has not the scale of the operand times that of the weights")));
            }
        }
        Ok(vec![id, bias])
    }

    fn int8_conv(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let depthwise = self.code == 4;
        let (x, scale, zero) = self.bytes(0)?;
        let ([_, height, width, _], [_, rows, columns, _]) = (self.image(x)?, self.image(self.operand(1)?)?);
        let strides = vec![self.positive(2, "stride_h", 0)?, self.positive(1, "stride_w", 0)?];
        let (activation, dilation) = if depthwise { (4, 5) } else { (3, 4) };
        let dilations = vec![
            self.positive(dilation + 1, "dilation_h_factor", 1)?,
            self.positive(dilation, "dilation_w_factor", 1)?,
        ];
        if rows == 0 || columns == 0 {
            return Err(self.site.error("a filter without taps"));
        }
        let extent = |n: usize, d: usize| (n - 1).saturating_mul(d).saturating_add(1);
        let window = [extent(rows, dilations[0]), extent(columns, dilations[1])];
        let pads = self.padding([height, width], window, [strides[0], strides[1]])?;
        let operands = [vec![x], self.weights(if depthwise { 3 } else { 0 }, (scale, zero))?].concat();
        let clamp = self.clamp(activation, output)?;
        self.put(Int8::Conv { strides, pads, dilations, depthwise }, clamp, &operands, output)
    }

    fn int8_dense(&mut self, output: &Output<'_>) -> Result<ValueId> {
        if self.byte(1)? != 0 {
            return Err(self.site.unsupported("with shuffled weights"));
        }
        let (x, scale, zero) = self.bytes(0)?;
        let operands = [vec![x], self.weights(0, (scale, zero))?].concat();
        let (keep_axes, clamp) = (self.byte(2)? != 0, self.clamp(0, output)?);
        self.put(Int8::Dense { keep_axes }, clamp, &operands, output)
    }

    /// That operand and result stand for numbers by the same scale.
    fn same_scale(&self, x: (f32, i32), output: &Output<'_>) -> Result<()> {
        let y = self.scale_of(output)?;
        if x == y {
            return Ok(());
        }
        let what =
            format!("with scale {:?} and zero point {} of an operand, {:?} and {} of the result", x.0, x.1, y.0, y.1);
        Err(self.site.unsupported(what))
    }

    fn int8_pool(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let (x, scale, zero) = self.bytes(0)?;
        self.same_scale((scale, zero), output)?;
        let [_, height, width, _] = self.image(x)?;
        let strides = vec![self.positive(2, "stride_h", 0)?, self.positive(1, "stride_w", 0)?];
        let kernel = vec![self.positive(4, "filter_height", 0)?, self.positive(3, "filter_width", 0)?];
        let pads = self.padding([height, width], [kernel[0], kernel[1]], [strides[0], strides[1]])?;
        let clamp = self.clamp(5, output)?;
        self.put(Int8::Pool { max: self.code == 17, kernel, strides, pads }, clamp, &[x], output)
    }

    fn int8_concatenation(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let mut operands = Vec::new();
        for i in 0..self.operands.len() {
            let (x, scale, zero) = self.bytes(i)?;
            self.same_scale((scale, zero), output)?;
            operands.push(x);
        }
        let Some(&first) = operands.first() else { return Err(self.site.error("an operand is missing")) };
        let axis = self.at(shape::axis(i64::from(self.int(0, 0)?), self.shape(first).len()))?;
        let clamp = self.clamp(1, output)?;
        if clamp != [-128, 127] {
            return Err(self.site.unsupported("with an activation"));
        }
        self.put(Int8::Concat { axis }, clamp, &operands, output)
    }

    fn same_bytes(&mut self, to: &[usize], output: &Output<'_>) -> Result<ValueId> {
        let (x, scale, zero) = self.bytes(0)?;
        self.same_scale((scale, zero), output)?;
        let op = Operation::Int8 { op: Int8::Reshape, clamp: [-128, 127] };
        let id = self.builder.emit_int8(self.site, op, &[x], Some(to))?;
        self.builder.kinds[id] = Element::Int8;
        self.builder.values[id].quantisation = self.builder.values[x].quantisation.clone();
        Ok(id)
    }

    fn int8_softmax(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let (x, ..) = self.bytes(0)?;
        let beta = self.float(0, 0.0)?;
        if self.scale_of(output)? != (1.0 / 256.0, -128) {
            return Err(self.site.unsupported("with another output scale than 1/256 and zero point than -128"));
        }
        if !(beta.is_finite() && beta > 0.0) {
            return Err(self.site.error(format!("beta is {beta:?}")));
        }
        self.put(Int8::Softmax { beta }, [-128, 127], &[x], output)
    }

    fn int8_mean(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let (x, ..) = self.bytes(0)?;
        let mut given = self.ints(1, "axes")?;
        given.truncate(shape::MAX_RANK + 1);
        let axes = self.at(shape::axes(&given, self.shape(x).len()))?;
        let keepdims = self.byte(0)? != 0;
        if axes.is_empty() {
            return Err(self.site.unsupported("without axes"));
        }
        self.put(Int8::Mean { axes, keepdims }, [-128, 127], &[x], output)
    }

    fn int8_pad(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let (x, scale, zero) = self.bytes(0)?;
        self.same_scale((scale, zero), output)?;
        let pads = self.paddings()?;
        self.put(Int8::Pad { pads }, [-128, 127], &[x], output)
    }

    fn quantised(&mut self, output: &Output<'_>) -> Result<ValueId> {
        let x = self.operand(0)?;
        if self.builder.kinds[x] == Element::Float && self.builder.tensor(x).is_none() {
            return self.put(Int8::Quantise, [-128, 127], &[x], output);
        }
        self.one(Int8::Function(Int8Function::Requantise), output)
    }

    /// To f32.
    fn dequantised(&mut self) -> Result<ValueId> {
        let (x, ..) = self.bytes(0)?;
        let op = Operation::Int8 { op: Int8::Dequantise, clamp: [-128, 127] };
        self.builder.emit_int8(self.site, op, &[x], None)
    }
}

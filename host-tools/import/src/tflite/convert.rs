//! Operators of TensorFlow Lite as operations.
use super::table::Table;
use crate::{
    builder::{Builder, Site},
    error::Result,
    model::{Operation, Order, PadMode, ReduceKind, ValueId},
    onnx_format::resolve_slice,
    shape,
    tensor::Tensor,
};

/// What the conversion of an operator sees.
pub struct Scope<'s, 'a> {
    pub site: &'s Site,
    pub code: i32,
    pub builder: &'s mut Builder,
    pub operands: Vec<Option<ValueId>>,
    pub options: Option<Table<'a>>,
}

/// Channels last to channels first, and back.
const FIRST: [usize; 4] = [0, 3, 1, 2];
const LAST: [usize; 4] = [0, 2, 3, 1];

/// Whether the operator with this number is supported.
pub const fn is_known(code: i32) -> bool {
    matches!(code, 0..=4 | 6 | 9 | 14 | 17..=19 | 21 | 22 | 25 | 28 | 34 | 39..=43 | 45 | 70 | 98)
}

/// The result of an operator.
pub fn convert(mut s: Scope<'_, '_>) -> Result<ValueId> {
    match s.code {
        0 => s.binary(Operation::Add),
        41 => s.binary(Operation::Sub),
        18 => s.binary(Operation::Mul),
        42 => s.binary(Operation::Div),
        1 | 17 => s.pool(),
        2 => s.concatenation(),
        3 => s.conv(false),
        4 => s.conv(true),
        6 => s.dequantize(),
        9 => s.fully_connected(),
        14 => s.unary(Operation::Sigmoid),
        28 => s.unary(Operation::Tanh),
        19 => s.unary(Operation::Relu),
        21 => s.unary(Operation::Clip { min: 0.0, max: 6.0 }),
        98 => {
            let alpha = s.float(0, 0.0)?;
            s.unary(Operation::LeakyRelu { alpha })
        }
        22 => s.reshape(),
        25 => s.softmax(),
        34 => s.pad(),
        39 => s.transpose(),
        40 => s.mean(),
        43 => s.squeeze(),
        45 => s.strided_slice(),
        70 => s.expand_dims(),
        _ => Err(s.site.unsupported("")),
    }
}

impl Scope<'_, '_> {
    fn operand(&self, i: usize) -> Result<ValueId> {
        let found = self.operands.get(i).copied().flatten();
        found.ok_or_else(|| self.site.error(format!("operand {i} is missing")))
    }

    fn int(&self, field: usize, default: i32) -> Result<i32> {
        self.options.map_or(Ok(default), |o| o.int(field, default))
    }

    fn byte(&self, field: usize) -> Result<u8> {
        self.options.map_or(Ok(0), |o| o.byte(field, 0))
    }

    fn float(&self, field: usize, default: f32) -> Result<f32> {
        self.options.map_or(Ok(default), |o| o.float(field, default))
    }

    /// A number that has to be positive.
    fn positive(&self, field: usize, what: &str, default: i32) -> Result<usize> {
        let n = self.int(field, default)?;
        usize::try_from(n).ok().filter(|&n| n > 0).ok_or_else(|| self.site.error(format!("{what} is {n}")))
    }

    fn at<T>(&self, outcome: shape::Outcome<T>) -> Result<T> {
        outcome.map_err(|e| self.site.error(e))
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.shape(id).to_vec()
    }

    fn emit(&mut self, op: Operation, inputs: &[ValueId]) -> Result<ValueId> {
        self.builder.emit(self.site, op, inputs, None)
    }

    fn move_axes(&mut self, x: ValueId, perm: &[usize]) -> Result<ValueId> {
        self.builder.transpose(self.site, x, perm)
    }

    /// Integers of an operand that has to be constant.
    fn ints(&self, i: usize, what: &str) -> Result<Vec<i64>> {
        match self.builder.tensor(self.operand(i)?) {
            Some(Tensor::I64 { data, .. }) => Ok(data.clone()),
            Some(other) => Err(self.site.error(format!("its {what} are of {}, expected integers", other.element()))),
            None => Err(self.site.unsupported(format!("its {what} depend on an input and have to be constant"))),
        }
    }

    /// The activation that is part of an operator.
    fn fused(&mut self, x: ValueId, field: usize) -> Result<ValueId> {
        let op = match self.byte(field)? {
            0 => return Ok(x),
            1 => Operation::Relu,
            2 => Operation::Clip { min: -1.0, max: 1.0 },
            3 => Operation::Clip { min: 0.0, max: 6.0 },
            4 => Operation::Tanh,
            other => return Err(self.site.unsupported(format!("with activation number {other}"))),
        };
        self.emit(op, &[x])
    }

    fn unary(&mut self, op: Operation) -> Result<ValueId> {
        let x = self.operand(0)?;
        self.emit(op, &[x])
    }

    fn binary(&mut self, op: Operation) -> Result<ValueId> {
        let (a, b) = (self.operand(0)?, self.operand(1)?);
        let y = self.emit(op, &[a, b])?;
        self.fused(y, 0)
    }

    /// Padding of rows and columns: begins, then ends.
    fn padding(&self, spatial: [usize; 2], window: [usize; 2], strides: [usize; 2]) -> Result<Vec<usize>> {
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
    fn image(&self, x: ValueId) -> Result<[usize; 4]> {
        let shape = self.shape(x);
        <[usize; 4]>::try_from(shape.as_slice()).map_err(|_| {
            self.site.error(format!("an operand of shape {shape:?}, expected [batch, row, column, channel]"))
        })
    }

    fn conv(&mut self, depthwise: bool) -> Result<ValueId> {
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

    fn pool(&mut self) -> Result<ValueId> {
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

    fn concatenation(&mut self) -> Result<ValueId> {
        let operands: Option<Vec<ValueId>> = self.operands.iter().copied().collect();
        let operands = operands.filter(|o| !o.is_empty()).ok_or_else(|| self.site.error("an operand is missing"))?;
        let axis = self.at(shape::axis(i64::from(self.int(0, 0)?), self.shape(operands[0]).len()))?;
        let y = self.emit(Operation::Concat { axis }, &operands)?;
        self.fused(y, 1)
    }

    /// Constants of f16, which were converted when they were read.
    fn dequantize(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        match self.builder.tensor(x) {
            Some(Tensor::F32 { .. }) => Ok(x),
            _ => Err(self.site.unsupported("of anything but constants of f16")),
        }
    }

    fn fully_connected(&mut self) -> Result<ValueId> {
        let (x, w) = (self.operand(0)?, self.operand(1)?);
        if self.byte(1)? != 0 {
            return Err(self.site.unsupported("with shuffled weights"));
        }
        let (from, weights) = (self.shape(x), self.shape(w));
        let &[out, each] = weights.as_slice() else {
            return Err(self.site.error(format!("weights of shape {weights:?}, expected a matrix")));
        };
        let all: usize = from.iter().product();
        if each == 0 || !all.is_multiple_of(each) {
            return Err(self.site.error(format!("an input of shape {from:?} does not divide into rows of {each}")));
        }
        let rows = self.builder.reshape(self.site, x, &[all / each, each])?;
        let operands = [Some(rows), Some(w), self.operands.get(2).copied().flatten()];
        let operands: Vec<ValueId> = operands.into_iter().flatten().collect();
        let op = Operation::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true, order: Order::Tflite };
        let mut y = self.emit(op, &operands)?;
        if self.byte(2)? != 0
            && let Some((&last, before)) = from.split_last()
        {
            if last != each {
                return Err(self.site.error(format!("an input of shape {from:?}, expected rows of {each}")));
            }
            y = self.builder.reshape(self.site, y, &[before, &[out]].concat())?;
        }
        self.fused(y, 0)
    }

    fn reshape(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let given = if self.operands.get(1).is_some_and(Option::is_some) {
            self.ints(1, "dimensions")?
        } else {
            let list = self.options.map_or(Ok(None), |o| o.ints(0))?;
            list.ok_or_else(|| self.site.error("its shape is missing"))?.into_iter().map(i64::from).collect()
        };
        let from = self.shape(x);
        let all = self.at(shape::elements(&from))?;
        let open = given.iter().position(|&n| n == -1);
        let sizes = given.iter().map(|&n| if n == -1 { Some(1) } else { usize::try_from(n).ok() });
        let bad = || self.site.error(format!("shape {from:?} cannot become {given:?}"));
        let mut to: Vec<usize> = sizes.collect::<Option<_>>().ok_or_else(bad)?;
        let known = self.at(shape::elements(&to))?;
        // A shape for one image is meant for each of a batch.
        let open = open.or_else(|| (to.first() == Some(&1) && known != all).then_some(0));
        if let Some(axis) = open {
            to[axis] = all.checked_div(known).filter(|n| n * known == all).ok_or_else(bad)?;
        }
        self.builder.reshape(self.site, x, &to)
    }

    fn softmax(&mut self) -> Result<ValueId> {
        let (x, beta) = (self.operand(0)?, self.float(0, 0.0)?);
        let axis = self.at(shape::axis(-1, self.shape(x).len()))?;
        if beta != 1.0 {
            return Err(self.site.unsupported(format!("with beta {beta}, where only 1 is supported")));
        }
        self.emit(Operation::Softmax { axis }, &[x])
    }

    fn pad(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let given = self.ints(1, "paddings")?;
        let sizes =
            given.iter().map(|&n| u32::try_from(n).map(|n| n as usize)).collect::<std::result::Result<Vec<_>, _>>();
        let sizes = sizes.map_err(|_| self.site.error(format!("paddings {given:?}")))?;
        let pairs = sizes.as_chunks::<2>().0;
        let pads: Vec<usize> = pairs.iter().map(|p| p[0]).chain(pairs.iter().map(|p| p[1])).collect();
        self.emit(Operation::Pad { mode: PadMode::Constant, pads, value: 0.0 }, &[x])
    }

    fn transpose(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let given = self.ints(1, "axes")?;
        let rank = self.shape(x).len();
        let perm: Vec<usize> =
            self.at(given.iter().take(shape::MAX_RANK + 1).map(|&a| shape::axis(a, rank)).collect())?;
        self.move_axes(x, &perm)
    }

    fn mean(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let mut given = self.ints(1, "axes")?;
        let rank = self.shape(x).len();
        given.truncate(shape::MAX_RANK + 1);
        let axes = self.at(shape::axes(&given, rank))?;
        let keepdims = self.byte(0)? != 0;
        if axes.is_empty() {
            return Ok(x);
        }
        self.emit(Operation::Reduce { kind: ReduceKind::Mean, axes, keepdims }, &[x])
    }

    fn squeeze(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let from = self.shape(x);
        let given: Vec<i64> = match self.options.map_or(Ok(None), |o| o.ints(0))? {
            Some(list) if !list.is_empty() => list.into_iter().map(i64::from).collect(),
            _ => (0..from.len()).filter(|&i| from[i] == 1).map(|i| i as i64).collect(),
        };
        let axes = self.at(shape::axes(&given, from.len()))?;
        if axes.iter().any(|&a| from[a] != 1) {
            return Err(self.site.error(format!("axes {axes:?} of {from:?} are not all 1")));
        }
        let to: Vec<usize> = (0..from.len()).filter(|i| !axes.contains(i)).map(|i| from[i]).collect();
        self.builder.reshape(self.site, x, &to)
    }

    fn expand_dims(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let given = self.ints(1, "axis")?;
        let mut to = self.shape(x);
        let &[axis] = given.as_slice() else { return Err(self.site.error(format!("axes {given:?}, expected one"))) };
        to.insert(self.at(shape::axis(axis, to.len() + 1))?, 1);
        self.builder.reshape(self.site, x, &to)
    }

    fn strided_slice(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let from = self.shape(x);
        let [begins, ends, steps] = [self.ints(1, "begins")?, self.ints(2, "ends")?, self.ints(3, "strides")?];
        let [begin_mask, end_mask, ellipsis, new_axis, shrink] =
            [self.int(0, 0)?, self.int(1, 0)?, self.int(2, 0)?, self.int(3, 0)?, self.int(4, 0)?];
        if ellipsis != 0 || new_axis != 0 || self.byte(5)? != 0 {
            return Err(self.site.unsupported("with an ellipsis, a new axis or offsets"));
        }
        let n = begins.len();
        if n != ends.len() || n != steps.len() || n > from.len() || steps.contains(&0) {
            return Err(self
                .site
                .error(format!("begins {begins:?}, ends {ends:?}, strides {steps:?} for shape {from:?}")));
        }
        let (mut starts, mut by, mut to) = (vec![0; from.len()], vec![1; from.len()], from.clone());
        let mut kept = Vec::new();
        for axis in 0..from.len() {
            let set = |mask: i32| axis < 31 && mask >> axis & 1 == 1;
            if axis >= n {
                kept.push(axis);
                continue;
            }
            let step = steps[axis];
            let forward = step > 0;
            let begin = if set(begin_mask) { if forward { 0 } else { i64::MAX } } else { begins[axis] };
            if set(shrink) {
                let index = if begin == i64::MAX { 0 } else { begin };
                let index = if index < 0 { index + from[axis] as i64 } else { index };
                starts[axis] = usize::try_from(index).ok().filter(|&i| i < from[axis]).ok_or_else(|| {
                    self.site.error(format!("index {} is outside axis {axis} of {from:?}", begins[axis]))
                })?;
                to[axis] = 1;
                continue;
            }
            let end = if set(end_mask) { if forward { i64::MAX } else { i64::MIN } } else { ends[axis] };
            (starts[axis], to[axis]) = resolve_slice(begin, end, step, from[axis]);
            by[axis] = if to[axis] > 1 { isize::try_from(step).unwrap_or(1) } else { 1 };
            kept.push(axis);
        }
        let y = self.builder.emit(self.site, Operation::Slice { starts, steps: by }, &[x], Some(&to))?;
        let rest: Vec<usize> = kept.iter().map(|&a| to[a]).collect();
        self.builder.reshape(self.site, y, &rest)
    }
}

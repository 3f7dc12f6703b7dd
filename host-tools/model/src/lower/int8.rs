//! Operations on int8: multipliers in fixed point, biases that hold the zero point's part of the sum, tables of functions.
use super::{Lower, Lowered, extents};
use shatterscope::graph::{Axis, DilatedWindow, Int8Range, Op, Shape};
use shatterscope::internals::op::int8::Scale;
use shatterscope_import::{Int8, Int8Function, Value, ValueId};
use shatterscope_int8::{Profile, Quantisation};

/// The shape of a value of bytes: the last dimension is channels, the one before columns, all before these rows.
pub(super) fn shape_of(dims: &[usize]) -> Lowered<Shape> {
    match *dims {
        [] => extents::of(1, 1, 1),
        [channels] => extents::of(channels, 1, 1),
        [ref rows @ .., columns, channels] => extents::of(channels, extents::product(rows), columns),
    }
}

/// Bytes as words of the core's parameters, the last filled up with zeros.
fn packed(bytes: impl IntoIterator<Item = i8>) -> Vec<f32> {
    let bytes: Vec<u8> = bytes.into_iter().map(i8::cast_unsigned).collect();
    bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            f32::from_bits(u32::from_le_bytes(word))
        })
        .collect()
}

fn word(number: i32) -> f32 {
    f32::from_bits(number.cast_unsigned())
}

fn words(numbers: &[i32]) -> Vec<f32> {
    numbers.iter().copied().map(word).collect()
}

impl Lower<'_> {
    fn value(&self, id: ValueId) -> &Value {
        &self.model.values[id]
    }

    /// The scale and the zero point of a value.
    fn scale(&self, id: ValueId, of: &'static str) -> Lowered<Quantisation> {
        match self.value(id).quantisation.as_ref().map(|q| (q.scales.as_slice(), q.zeros.as_slice())) {
            Some((&[scale], &[zero])) => Quantisation::new(of, scale, zero.into()).map_err(|error| error.to_string()),
            _ => Err(format!("{of} has not one scale and one zero point")),
        }
    }

    fn profile(&self) -> Profile {
        match self.model.profile {
            shatterscope_import::Profile::Tflm => Profile::Tflm,
            shatterscope_import::Profile::LitertRef => Profile::LitertRef,
        }
    }

    /// Integers of a constant operand.
    fn integers(&self, id: ValueId, what: &str) -> Lowered<&[i64]> {
        self.value(id)
            .constant
            .as_ref()
            .and_then(|t| t.integers())
            .ok_or_else(|| format!("{what} are not constant integers"))
    }

    pub(super) fn int8(&mut self, op: &Int8, [least, most]: [i8; 2], inputs: &[ValueId], out: ValueId) -> Lowered<u32> {
        let x = self.at(inputs[0])?;
        let range = |operand_zero, zero| Int8Range { operand_zero, zero, least, most };
        match op {
            Int8::Quantise => {
                let own = self.scale(out, "its result")?;
                let shape = shape_of(self.dims(out))?;
                return self.unary(Op::Quantise { shape, scale: own.scale(), zero: own.zero() }, x);
            }
            Int8::Dequantise => {
                let own = self.scale(inputs[0], "its operand")?;
                let shape = extents::shape_of(self.dims(out))?;
                return self.unary(Op::Dequantise { shape, scale: own.scale(), zero: own.zero() }, x);
            }
            _ => {}
        }
        // Each operation looks at its operand by the operand's own dimensions.
        let x = self.bytes(x, inputs[0])?;
        let (from, to) = (self.scale(inputs[0], "its operand")?, self.scale(out, "its result")?);
        let profile = self.profile();
        let wrong = |error: shatterscope_int8::Error| error.to_string();
        // A quantisation's zero points are bytes.
        let own = range(from.zero() as i8, to.zero() as i8);
        let value = match op {
            Int8::Conv { strides, pads, dilations, depthwise } => {
                let dims = &self.value(inputs[1]).shape;
                let window = window([dims[1], dims[2]], strides, dilations, pads)?;
                let channels = dims[if *depthwise { 3 } else { 0 }] as u32;
                let (taps, each) = (dims[1] * dims[2], dims[3]);
                // Weight k of channel c.
                let index = |c: usize, k: usize| if *depthwise { k * each + c } else { c * taps * each + k };
                let len = if *depthwise { taps } else { taps * each };
                let weights = Weights { channels: channels as usize, each: len, index: &index };
                let parameters = self.weights(inputs, &weights, |scales, biases| {
                    shatterscope_int8::convolution(from, scales, to, biases)
                })?;
                let op = match depthwise {
                    true => Op::Int8DepthwiseConv { channels, window, range: own },
                    false => Op::Int8Conv { channels, window, range: own },
                };
                self.push(op, x, x, &parameters)?
            }
            Int8::Dense { .. } => {
                let &[outputs, each] = &self.value(inputs[1]).shape[..] else {
                    return Err("its weights are no matrix".to_owned());
                };
                if extents::product(self.dims(inputs[0])) != each {
                    return Err(format!(
                        "its operand is {:?} without the batch: only one row of {each} is supported on int8",
                        self.dims(inputs[0])
                    ));
                }
                let weights = Weights { channels: outputs, each, index: &|c, k| c * each + k };
                let parameters = self.weights(inputs, &weights, |scales, biases| {
                    shatterscope_int8::dense(profile, from, scales, to, biases)
                })?;
                let real = shatterscope_int8::is_real(profile);
                self.push(Op::Int8Dense { outputs: outputs as u32, range: own, real }, x, x, &parameters)?
            }
            Int8::Add | Int8::Mul => {
                let y = self.at(inputs[1])?;
                let y = self.bytes(y, inputs[1])?;
                let other = self.scale(inputs[1], "its second operand")?;
                let range = range(0, own.zero);
                if matches!(op, Int8::Add) {
                    let sum = shatterscope_int8::addition([from, other], to).map_err(wrong)?;
                    let of = |zero: i32, scale: Scale| [zero, scale.multiplier, scale.shift];
                    let numbers =
                        [&of(from.zero(), sum.scales[0])[..], &of(other.zero(), sum.scales[1]), &of(0, sum.scale)[1..]];
                    self.push(Op::Int8Add { range }, x, y, &words(&numbers.concat()))?
                } else {
                    let Scale { multiplier, shift } = shatterscope_int8::product(profile, [from, other], to);
                    let numbers = [from.zero(), other.zero(), multiplier, shift];
                    self.push(Op::Int8Multiply { range }, x, y, &words(&numbers))?
                }
            }
            Int8::Pool { max, kernel, strides, pads } => {
                let window = window([kernel[0], kernel[1]], strides, &[1, 1], pads)?;
                let range = range(0, 0);
                let op = if *max { Op::Int8MaxPool { window, range } } else { Op::Int8AveragePool { window, range } };
                self.unary(op, x)?
            }
            Int8::Function(function) => {
                let table = match *function {
                    Int8Function::Requantise => shatterscope_int8::requantise(from, to),
                    Int8Function::Relu => shatterscope_int8::relu(profile, from, to),
                    Int8Function::Relu6 => shatterscope_int8::relu6(profile, from, to),
                    Int8Function::Logistic => shatterscope_int8::logistic(profile, from, to).map_err(wrong)?,
                    Int8Function::Tanh => shatterscope_int8::tanh(profile, from, to).map_err(wrong)?,
                    Int8Function::HardSwish => shatterscope_int8::hard_swish(profile, from, to).map_err(wrong)?,
                    Int8Function::LeakyRelu { alpha } => {
                        shatterscope_int8::leaky_relu(profile, from, alpha, to).map_err(wrong)?
                    }
                };
                self.push(Op::Int8Table, x, x, &packed(table))?
            }
            Int8::Softmax { beta } => {
                let channels = self.shape(x).channels;
                let own = shatterscope_int8::softmax(from, *beta, to, channels).map_err(wrong)?;
                let (multiplier, shift, least) = (own.multiplier, own.shift, own.diff_min);
                self.unary(Op::Int8Softmax { multiplier, shift, least }, x)?
            }
            Int8::Mean { axes, .. } => {
                let own_axes: Vec<usize> = axes.iter().map(|&axis| self.axis(axis)).collect();
                let dims = self.dims(inputs[0]);
                let mut bits = 0;
                for &axis in &own_axes {
                    bits |= 1 << axis_of(dims, axis)? as u32;
                }
                let count = own_axes.iter().map(|&axis| dims[axis]).product::<usize>();
                let Scale { multiplier, shift } = shatterscope_int8::mean(from, to, count as u32);
                self.unary(Op::Int8Mean { axes: bits, range: own, multiplier, shift }, x)?
            }
            Int8::Pad { pads } => {
                let dims = self.dims(inputs[0]);
                let skip = usize::from(self.batched);
                let (rank, mut words) = (pads.len() / 2, [0u32; 3]);
                for axis in 0..dims.len() {
                    let (before, after) = (pads[axis + skip], pads[rank + axis + skip]);
                    if before == 0 && after == 0 {
                        continue;
                    }
                    let [before, after] = [before, after]
                        .map(|n| u16::try_from(n).map_err(|_| format!("paddings {pads:?} are too large")));
                    words[axis_of(dims, axis)? as usize] = u32::from(before?) | u32::from(after?) << 16;
                }
                let [channels, rows, columns] = words;
                self.unary(Op::Int8Pad { value: from.zero(), channels, rows, columns }, x)?
            }
            Int8::Concat { axis } => {
                let axis = self.axis(*axis);
                let along = axis_of(self.dims(out), axis)?;
                let mut value = x;
                for &input in &inputs[1..] {
                    let other = self.at(input)?;
                    let other = self.bytes(other, input)?;
                    value = self.push(Op::Int8Concat { axis: along }, value, other, &[])?;
                }
                value
            }
            Int8::Reshape => x,
            Int8::Quantise | Int8::Dequantise => return Err("it has no operand of bytes".to_owned()),
        };
        self.bytes(value, out)
    }

    /// A value of bytes in the shape of its dimensions in the file.
    fn bytes(&mut self, node: u32, value: ValueId) -> Lowered<u32> {
        let shape = shape_of(self.dims(value))?;
        if self.shape(node) == shape { Ok(node) } else { self.unary(Op::Int8Reshape { shape }, node) }
    }

    /// The weights of a node, and a record of three words for each channel, which `records` makes of scales and biases.
    fn weights(
        &self,
        inputs: &[ValueId],
        weights: &Weights<'_>,
        records: impl Fn(&[f32], &[i32]) -> Result<Vec<[i32; 3]>, shatterscope_int8::Error>,
    ) -> Lowered<Vec<f32>> {
        let all = self.integers(inputs[1], "its weights")?;
        let bias = inputs.get(2).map(|&bias| self.integers(bias, "its biases")).transpose()?;
        let scales = &self.value(inputs[1]).quantisation.as_ref().ok_or("its weights have no scales")?.scales;
        let from = self.scale(inputs[0], "its operand")?;
        let narrow = |w: &i64| i8::try_from(*w).map_err(|_| format!("a weight is {w}"));
        let mut words = packed(all.iter().map(narrow).collect::<Lowered<Vec<i8>>>()?);
        let mut biases = Vec::with_capacity(weights.channels);
        for c in 0..weights.channels {
            let own = (0..weights.each).map(|k| all[(weights.index)(c, k)] as i32);
            let bias = match bias {
                Some(bias) => i32::try_from(bias[c]).map_err(|_| format!("bias {c} is {}", bias[c]))?,
                None => 0,
            };
            biases.push(shatterscope_int8::folded_bias(bias, from, own.fold(0, i32::wrapping_add)));
        }
        words.extend(records(scales, &biases).map_err(|error| error.to_string())?.into_iter().flatten().map(word));
        Ok(words)
    }
}

/// Weights among all of a node.
struct Weights<'w> {
    /// Channels out.
    channels: usize,
    /// Weights of a channel.
    each: usize,
    /// Where weight k of channel c is.
    index: &'w dyn Fn(usize, usize) -> usize,
}

/// The core's axis of a dimension.
fn axis_of(dims: &[usize], axis: usize) -> Lowered<Axis> {
    match dims.len() - axis {
        1 => Ok(Axis::Channels),
        2 => Ok(Axis::Columns),
        3 if dims.len() == 3 => Ok(Axis::Rows),
        _ => Err(format!("axis {axis} of {dims:?}: at most three dimensions without the batch are supported on int8")),
    }
}

fn window(
    [height, width]: [usize; 2],
    strides: &[usize],
    dilations: &[usize],
    pads: &[usize],
) -> Lowered<DilatedWindow> {
    let large = |what: &str, n: usize| format!("{what} {n} is too large");
    let byte = |what: &str, n: usize| u8::try_from(n).map_err(|_| large(what, n));
    let taps = |n: usize| u16::try_from(n).map_err(|_| large("a kernel of", n));
    Ok(DilatedWindow {
        height: taps(height)?,
        width: taps(width)?,
        strides: [byte("stride", strides[0])?, byte("stride", strides[1])?],
        dilations: [byte("dilation", dilations[0])?, byte("dilation", dilations[1])?],
        padding: [
            byte("padding", pads[0])?,
            byte("padding", pads[1])?,
            byte("padding", pads[2])?,
            byte("padding", pads[3])?,
        ],
    })
}

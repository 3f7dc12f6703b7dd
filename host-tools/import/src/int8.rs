//! Operations on values of int8, as TensorFlow Lite has them: images are `[batch, row, column, channel]`.
use crate::{
    model::Value,
    shape::{self, Outcome, Windows},
};

/// What numbers the integers of a tensor stand for: `scale (q - zero)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantisation {
    /// One, or one for each index of `axis`; finite and above 0.
    pub scales: Vec<f32>,
    /// As many, of the range of the element type.
    pub zeros: Vec<i32>,
    /// The axis with scales of its own.
    pub axis: usize,
}

/// Fixed point and rounding of operators that TensorFlow Lite's interpreters compute differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// TensorFlow Lite for Microcontrollers.
    #[default]
    Tflm,
    /// LiteRT's reference kernels.
    LitertRef,
}

/// A function of single bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Int8Function {
    /// The same number with another scale and zero point.
    Requantise,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    /// Hyperbolic tangent.
    Tanh,
    /// `x` if positive, else `alpha x`.
    LeakyRelu {
        /// The slope.
        alpha: f32,
    },
    /// `x max(0, min(1, x / 6 + 1 / 2))`.
    HardSwish,
}

/// An operation whose operands or result are of int8. Values have one scale and one zero point, weights of convolutions and dense layers one scale for
/// each output.
#[derive(Clone, Debug, PartialEq)]
pub enum Int8 {
    /// Convolution of `x`, `w` `[out, row, column, in]` and, if there are three operands, bias `[out]`; or with `w` `[1, row, column, out]`, each
    /// channel for itself.
    Conv {
        /// Rows, columns.
        strides: Vec<usize>,
        /// Rows, columns before the image, then after it.
        pads: Vec<usize>,
        /// Rows, columns.
        dilations: Vec<usize>,
        /// Whether each output depends on one channel.
        depthwise: bool,
    },
    /// Products of rows of `x` with `w` `[out, in]` and, if there are three operands, bias `[out]`.
    Dense {
        /// Whether the axes of `x` before the last one are those of the result.
        keep_axes: bool,
    },
    /// `a + b`, broadcast.
    Add,
    /// `a b`, broadcast.
    Mul,
    /// The mean or the largest of each window.
    Pool {
        /// Whether it is the largest.
        max: bool,
        /// Rows, columns.
        kernel: Vec<usize>,
        /// Rows, columns.
        strides: Vec<usize>,
        /// Rows, columns before the image, then after it.
        pads: Vec<usize>,
    },
    /// A function of single elements.
    Function(Int8Function),
    /// Softmax along the last axis.
    Softmax {
        /// The factor of the operand.
        beta: f32,
    },
    /// The mean over axes.
    Mean {
        /// Ascending.
        axes: Vec<usize>,
        /// Whether the axes become 1, or are removed.
        keepdims: bool,
    },
    /// The operand with zero points around it.
    Pad {
        /// Of all axes: before them, then after them.
        pads: Vec<usize>,
    },
    /// Operands one after the other along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// The same elements in the result's shape.
    Reshape,
    /// From f32.
    Quantise,
    /// To f32.
    Dequantise,
}

fn spatial(x: &[usize]) -> Outcome<[usize; 4]> {
    <[usize; 4]>::try_from(x).map_err(|_| format!("an operand of shape {x:?}, expected [batch, row, column, channel]"))
}

/// The shape of the result, from those of the operands. Of [`Int8::Reshape`] it is `wanted`, which is checked.
pub fn infer(op: &Int8, inputs: &[&[usize]], wanted: Option<&[usize]>) -> Outcome<Vec<usize>> {
    let (&x, rest) = inputs.split_first().ok_or("no operands")?;
    let count = |from: usize, to: usize| match inputs.len() {
        n if (from..=to).contains(&n) => Ok(()),
        n => Err(format!("{n} operands, expected {from} to {to}")),
    };
    let bias = |out: usize| match rest.get(1) {
        Some(&bias) if bias != [out] => Err(format!("the bias has shape {bias:?}, expected [{out}]")),
        _ => Ok(()),
    };
    match op {
        Int8::Conv { strides, pads, dilations, depthwise } => {
            count(2, 3)?;
            let ([n, rows, columns, channels], [first, height, width, last]) = (spatial(x)?, spatial(rest[0])?);
            let out = if *depthwise { last } else { first };
            let fits = if *depthwise { first == 1 && channels > 0 && out % channels == 0 } else { last == channels };
            if !fits || out == 0 {
                return Err(format!("a filter of shape {:?} for an operand of {x:?}", rest[0]));
            }
            bias(out)?;
            let windows = Windows { kernel: &[height, width], strides, pads, dilations };
            let places = windows.places(&[rows, columns])?;
            Ok(vec![n, places[0], places[1], out])
        }
        Int8::Dense { keep_axes } => {
            count(2, 3)?;
            let &[out, each] = rest[0] else {
                return Err(format!("weights of shape {:?}, expected a matrix", rest[0]));
            };
            let all = shape::elements(x)?;
            if each == 0 || !all.is_multiple_of(each) || (*keep_axes && x.last() != Some(&each)) {
                return Err(format!("an operand of shape {x:?} does not divide into rows of {each}"));
            }
            bias(out)?;
            Ok(if *keep_axes { [&x[..x.len() - 1], &[out]].concat() } else { vec![all / each, out] })
        }
        Int8::Add | Int8::Mul => {
            count(2, 2)?;
            shape::broadcast(x, rest[0])
        }
        Int8::Pool { kernel, strides, pads, .. } => {
            count(1, 1)?;
            let [n, rows, columns, channels] = spatial(x)?;
            let places = Windows { kernel, strides, pads, dilations: &[1, 1] }.places(&[rows, columns])?;
            Ok(vec![n, places[0], places[1], channels])
        }
        Int8::Function(_) | Int8::Softmax { .. } | Int8::Quantise | Int8::Dequantise => {
            count(1, 1)?;
            Ok(x.to_vec())
        }
        Int8::Mean { axes, keepdims } => {
            count(1, 1)?;
            if axes.iter().any(|&axis| axis >= x.len()) {
                return Err(format!("axes {axes:?} of shape {x:?}"));
            }
            let kept = (0..x.len()).filter(|i| *keepdims || !axes.contains(i));
            Ok(kept.map(|i| if axes.contains(&i) { 1 } else { x[i] }).collect())
        }
        Int8::Pad { pads } => {
            count(1, 1)?;
            if pads.len() != 2 * x.len() {
                return Err(format!("{} paddings for shape {x:?}", pads.len()));
            }
            let padded = |i: usize| x[i].checked_add(pads[i]).and_then(|n| n.checked_add(pads[x.len() + i]));
            (0..x.len()).map(|i| padded(i).ok_or_else(|| format!("paddings {pads:?}"))).collect()
        }
        Int8::Concat { axis } => {
            let mut all = x.to_vec();
            for &other in rest {
                let same = other.len() == x.len() && (0..x.len()).all(|i| i == *axis || other[i] == x[i]);
                if *axis >= x.len() || !same {
                    return Err(format!("shapes {x:?} and {other:?} do not follow each other along axis {axis}"));
                }
                all[*axis] = all[*axis].checked_add(other[*axis]).ok_or("too many elements")?;
            }
            Ok(all)
        }
        Int8::Reshape => {
            count(1, 1)?;
            let to = wanted.ok_or("its shape is missing")?;
            if shape::elements(to)? != shape::elements(x)? {
                return Err(format!("shape {x:?} cannot become {to:?}"));
            }
            Ok(to.to_vec())
        }
    }
}

/// The scale and the zero point of a value that has one of each.
pub fn single(value: &Value) -> Option<(f32, i32)> {
    let Quantisation { scales, zeros, .. } = value.quantisation.as_ref()?;
    match (scales.as_slice(), zeros.as_slice()) {
        (&[scale], &[zero]) => Some((scale, zero)),
        _ => None,
    }
}

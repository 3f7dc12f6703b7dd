//! What nodes compute.
use crate::int8::Int8;

/// The order of the terms of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The contract's: from the bias; input channel, filter row, filter column.
    OfContract,
    /// TensorFlow Lite's: from +0.0; filter row, filter column, input channel; the bias is added last.
    Tflite,
}

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceKind {
    /// The sum.
    Sum,
    /// The sum divided by the number of terms.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The product: of constants only.
    Prod,
}

/// How the elements around an operand are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadMode {
    /// The value of the operation.
    Constant,
    /// The image mirrored about its first and last element, which are not repeated.
    Reflect,
    /// The first and the last element.
    Edge,
}

/// An operation, its attributes resolved to the meaning of the newest operator version. Axes count from 0; `pads` are those at the
/// beginnings of all axes, then those at their ends. Images are `[batch, channel, row, column]` or `[batch, channel, position]`.
/// Operands of element-by-element operations broadcast as in NumPy.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Convolution of `x`, `w` `[out, in / groups, row, column]` and, if there are three operands, bias `[out]`; one or two spatial axes.
    Conv {
        /// A spatial axis each.
        strides: Vec<usize>,
        /// Of the spatial axes.
        pads: Vec<usize>,
        /// A spatial axis each.
        dilations: Vec<usize>,
        /// Groups of channels.
        groups: usize,
        /// The order of the terms.
        order: Order,
    },
    /// `alpha A B + beta C` of matrices `a`, `b` and, if there are three operands, `c`, which broadcasts to the product's shape.
    Gemm {
        /// Factor of the product.
        alpha: f32,
        /// Factor of the third operand.
        beta: f32,
        /// Whether `a` is transposed.
        trans_a: bool,
        /// Whether `b` is transposed.
        trans_b: bool,
        /// The order of the terms.
        order: Order,
    },
    /// The product of the last two axes; the axes before broadcast. Both operands have two axes or more.
    MatMul,
    /// `(x - mean) / sqrt(variance + eps) * scale + bias` with operands `x`, `scale`, `bias`, `mean`, `variance`; a number a channel (axis 1).
    BatchNormalization {
        /// Added to the variance.
        eps: f32,
    },
    /// Normalisation of each channel of each image; operands `x`, `scale` `[channels]`, `bias` `[channels]`.
    InstanceNormalization {
        /// Added to the variance.
        eps: f32,
    },
    /// Normalisation over `axis` and the axes after it; operands `x`, `scale`, optionally `bias`, which broadcast to these axes.
    LayerNormalization {
        /// The first axis of those that are normalised.
        axis: usize,
        /// Added to the variance.
        eps: f32,
    },
    /// Normalisation of groups of channels; operands `x`, `scale` `[channels]`, `bias` `[channels]`.
    GroupNormalization {
        /// The number of groups.
        groups: usize,
        /// Added to the variance.
        eps: f32,
    },
    /// `max(x, 0)`.
    Relu,
    /// `x` if positive, else `alpha x`.
    LeakyRelu {
        /// The slope.
        alpha: f32,
    },
    /// `x` if positive, else `slope x`; the operand `slope` broadcasts to the shape of `x`.
    PRelu,
    /// `x` if positive, else `alpha (exp(x) - 1)`.
    Elu {
        /// The scale.
        alpha: f32,
    },
    /// `gamma x` if positive, else `gamma alpha (exp(x) - 1)`.
    Selu {
        /// The scale of the negative side.
        alpha: f32,
        /// The scale of both.
        gamma: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `max(0, min(1, alpha x + beta))`.
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// Hyperbolic tangent.
    Tanh,
    /// `x sigmoid(x)`.
    Silu,
    /// `x max(0, min(1, x / 6 + 1 / 2))`.
    HardSwish,
    /// `x (1 + erf(x / sqrt(2))) / 2`.
    Gelu {
        /// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2` instead.
        tanh: bool,
    },
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `min(max(x, min), max)`.
    Clip {
        /// The lower bound, or minus infinity.
        min: f32,
        /// The upper bound, or infinity.
        max: f32,
    },
    /// Absolute value.
    Abs,
    /// `-x`.
    Neg,
    /// `exp(x)`.
    Exp,
    /// `ln(x)`.
    Log,
    /// The error function.
    Erf,
    /// Square root.
    Sqrt,
    /// `1 / x`.
    Reciprocal,
    /// `x^y`, the second operand constant.
    Pow,
    /// Softmax along one axis.
    Softmax {
        /// The axis.
        axis: usize,
    },
    /// Logarithm of the softmax along one axis.
    LogSoftmax {
        /// The axis.
        axis: usize,
    },
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a b`.
    Mul,
    /// `a / b`.
    Div,
    /// The smaller of two.
    Min,
    /// The larger of two.
    Max,
    /// The largest element of each window; padding is never chosen.
    MaxPool {
        /// A spatial axis each.
        kernel: Vec<usize>,
        /// A spatial axis each.
        strides: Vec<usize>,
        /// Of the spatial axes.
        pads: Vec<usize>,
        /// A spatial axis each.
        dilations: Vec<usize>,
    },
    /// The mean of each window.
    AveragePool {
        /// A spatial axis each.
        kernel: Vec<usize>,
        /// A spatial axis each.
        strides: Vec<usize>,
        /// Of the spatial axes.
        pads: Vec<usize>,
        /// Whether the padding counts as zeros, or is left out of sum and number.
        count_include_pad: bool,
    },
    /// The mean over all spatial axes, which become 1.
    GlobalAveragePool,
    /// The largest over all spatial axes, which become 1.
    GlobalMaxPool,
    /// A reduction over axes.
    Reduce {
        /// What is computed.
        kind: ReduceKind,
        /// Ascending.
        axes: Vec<usize>,
        /// Whether the axes become 1, or are removed.
        keepdims: bool,
    },
    /// Operands one after the other along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Element `starts + steps i` along each axis, for every index `i` of the result's shape.
    Slice {
        /// An axis each.
        starts: Vec<usize>,
        /// An axis each; not zero.
        steps: Vec<isize>,
    },
    /// The operand with elements around it.
    Pad {
        /// What they are.
        mode: PadMode,
        /// Of all axes.
        pads: Vec<usize>,
        /// The value, if the mode is [`PadMode::Constant`].
        value: f32,
    },
    /// The same elements in the result's shape.
    Reshape,
    /// Axis `i` of the result is axis `perm[i]` of the operand.
    Transpose {
        /// The axes.
        perm: Vec<usize>,
    },
    /// Element `indices[i]` along the axis, for every index `i` of it; the other axes are unchanged.
    Gather {
        /// The axis.
        axis: usize,
        /// At least one.
        indices: Vec<usize>,
    },
    /// The operand broadcast to the result's shape.
    Expand,
    /// An operation on int8, in the layout of TensorFlow Lite.
    Int8 {
        /// What is computed.
        op: Int8,
        /// The least and the largest element of the result.
        clamp: [i8; 2],
    },
}

impl Operation {
    /// Whether each element of the result depends on one element of each operand, those broadcast.
    #[must_use]
    pub const fn is_elementwise(&self) -> bool {
        matches!(
            self,
            Self::Relu
                | Self::LeakyRelu { .. }
                | Self::PRelu
                | Self::Elu { .. }
                | Self::Selu { .. }
                | Self::Sigmoid
                | Self::HardSigmoid { .. }
                | Self::Tanh
                | Self::Silu
                | Self::HardSwish
                | Self::Gelu { .. }
                | Self::Softplus
                | Self::Softsign
                | Self::Clip { .. }
                | Self::Abs
                | Self::Neg
                | Self::Exp
                | Self::Log
                | Self::Erf
                | Self::Sqrt
                | Self::Reciprocal
                | Self::Pow
                | Self::Add
                | Self::Sub
                | Self::Mul
                | Self::Div
                | Self::Min
                | Self::Max
        )
    }
}

//! Operations, one file each: the plain loops in the order of the contract, which are the definition, and the facts of the operation in a
//! graph. The list below has one entry an operation; whatever walks over operations is made from it.
//!
//! Tiles are `[unit][T]`, T points beside each other; T = 1 with `[point]` series is the plain case. Input gradients
//! overwrite, parameter gradients accumulate, point by point and then call by call, so that any division of the points gives
//! the same bits.
// Documented under `internals`, which is hidden.
#![allow(rustdoc::broken_intra_doc_links)]
#[macro_use]
mod define;
mod axes;
mod batch_norm;
mod binary;
mod centre;
pub(crate) mod channel_norm;
mod concat;
mod constant;
pub(crate) mod conv;
pub(crate) mod crelu;
pub(crate) mod dense;
mod dilated;
mod dilated_average;
mod dilated_pool;
pub(crate) mod dropout;
mod elements;
mod elu;
mod facts;
mod function;
mod group_norm;
pub(crate) mod grouped_conv;
#[cfg(feature = "int8")]
pub mod int8;
pub(crate) mod join;
mod matmul;
mod movement;
pub mod naive;
mod pairwise;
pub(crate) mod pool;
mod positions;
pub(crate) mod prelu;
mod quantised;
mod reduce;
mod relu;
mod reshape;
pub(crate) mod shortcut;
mod sigmoid;
mod softmax;
mod unary;
mod words;

use crate::error::{Buffer, Error, InvalidSpec};
use crate::shape::Shape;

pub use crate::shape::conv_gathered_len;
pub use crate::shape::{Conv, DilatedPool, DilatedWindow, GroupedConv, Image, Pool, Shortcut, Window};
pub use axes::Axis;
pub use batch_norm::{
    Affine, Moments, batch_norm_backward_detached, batch_norm_backward_full, batch_norm_backward_parameters,
    batch_norm_forward, batch_norm_moments,
};
pub use binary::{Binary, binary_of};
pub use centre::{centre_backward_full, centre_forward};
pub use channel_norm::{
    Running, batch_norm_inference, channel_norm_backward_full, channel_norm_backward_parameters, channel_norm_moments,
};
pub use concat::{Concat, concat_backward, concat_forward};
pub use constant::{constant_backward, constant_forward};
pub use conv::{conv_backward_input, conv_backward_parameters, conv_forward};
pub(crate) use crelu::crelu_values;
pub use crelu::{crelu_backward, crelu_forward, crelu_tangent};
pub use define::Entry;
pub use dense::{dense_backward_input, dense_backward_parameters, dense_forward};
pub use dilated_average::{dilated_average_pool_backward, dilated_average_pool_forward};
pub use dilated_pool::{dilated_max_pool_backward, dilated_max_pool_forward, dilated_max_pool_tangent};
pub use dropout::{Dropout, dropout_backward, dropout_forward};
pub use elements::Elements;
pub(crate) use facts::finite;
pub use facts::{BackwardFacts, Facts, Saved};
pub use function::Function;
pub(crate) use group_norm::tape as group_norm_tape;
pub use group_norm::{
    GroupNorm, group_norm_backward_input, group_norm_backward_parameters, group_norm_forward, group_norm_moments,
};
pub(crate) use grouped_conv::grouped_conv_backward_weights;
pub use grouped_conv::{grouped_conv_backward_input, grouped_conv_backward_parameters, grouped_conv_forward};
pub use join::{join_backward_branch, join_backward_input, join_forward};
pub use matmul::{Matmul, matmul_backward_first, matmul_backward_second, matmul_forward, matmul_tangent};
pub use movement::{Movement, Moves, PadMode, movement_backward, movement_forward};
pub use pairwise::{
    Pair, Pairwise, pairwise_backward_first, pairwise_backward_second, pairwise_forward, pairwise_tangent,
};
pub use pool::{average_pool_backward, average_pool_forward, max_pool_backward, max_pool_forward, max_pool_tangent};
pub(crate) use pool::{max_pool_tangents, max_pool_values};
pub(crate) use prelu::{prelu_backward_gated, prelu_gates, prelu_in_place, prelu_term};
pub use prelu::{prelu_backward_input, prelu_backward_parameters, prelu_forward};
pub use quantised::Int8Range;
pub(crate) use quantised::words as words_of_bytes;
pub use reduce::{Reduce, Reduction, reduce_backward, reduce_forward, reduce_tangent};
pub(crate) use relu::relu_values;
pub use relu::{relu, relu_backward, relu_forward, relu_tangent};
pub use shortcut::{shortcut_backward, shortcut_forward};
pub use softmax::{Softmax, softmax_backward, softmax_forward, softmax_tangent};
pub use unary::{Unary, unary_of};
pub(crate) use words::OP_WORDS;
pub use words::{NODE_WORDS, NodeWords};
use words::{Reader, Writer};

/// The list of operations: the tag in encoded nodes (which never changes), the name, the feature without which its encoding is no code, the method of
/// the graph's builder, the variant of [`Op`] with its numbers, its facts, its backward facts, and an example with the shapes of its operands.
macro_rules! operations {
    ($with:ident) => {
        $with! { (x y tile learns)
            /// An input of the graph. Inputs are the first nodes.
            1 "input": Input {
                /// Its shape.
                shape: Shape,
            },
            Facts::of(shape),
            BackwardFacts::NOTHING,
            (Op::Input { shape: Shape::vector(3) }, Shape::vector(3));

            /// The same units under another shape.
            2 "reshape": Reshape {
                /// The new shape.
                shape: Shape,
            },
            reshape::facts(x, shape),
            BackwardFacts::IN_PLACE,
            (Op::Reshape { shape: Shape::vector(12) }, Shape { channels: 3, height: 2, width: 2 });

            /// `y = W x [+ b]`; parameters W `[out][in]`, then b.
            3 "dense" fn dense: Dense {
                /// Units out.
                outputs: u32,
                /// Whether it has a bias.
                bias: bool,
            },
            dense::facts(x, outputs, bias),
            dense::backward(x, outputs, bias),
            (Op::Dense { outputs: 4, bias: true }, Shape::vector(5));

            /// 2-d convolution; parameters `[c_out][c_in][kh][kw]`, then one bias per channel.
            4 "conv" fn conv: Conv {
                /// Channels out.
                channels: u32,
                /// The kernel's window.
                window: Window,
                /// Whether it has a bias.
                bias: bool,
            },
            conv::facts(x, channels, window, bias),
            conv::backward(x, channels, window, bias, tile),
            (
                Op::Conv { channels: 3, window: Window { height: 3, width: 3, stride: 1, padding: 1 }, bias: true },
                Shape { channels: 2, height: 5, width: 4 }
            );

            /// `y = x > 0 ? x : 0`.
            5 "relu" fn relu: Relu,
            Facts::in_place(x),
            BackwardFacts::relu(x, tile, false),
            (Op::Relu, Shape::vector(9));

            /// `y = x > 0 ? x : slope x`; parameters one slope per channel.
            6 "prelu" fn prelu: Prelu {
                /// The slope that training starts from.
                slope: f32,
            },
            prelu::facts(x, slope),
            prelu::backward(x, tile, learns),
            (Op::Prelu { slope: 0.25 }, Shape { channels: 3, height: 2, width: 2 });

            /// Channel c becomes 2c = relu(x) and 2c + 1 = relu(-x).
            7 "crelu" fn crelu: Crelu,
            crelu::facts(x),
            BackwardFacts::relu(x, tile, true),
            (Op::Crelu, Shape { channels: 2, height: 3, width: 1 });

            /// Batch norm per channel, over points and positions; parameters gamma, then beta.
            8 "batch-norm" fn batch_norm: BatchNorm {
                /// Added to the variance under the root.
                eps: f32,
                /// Weight of a new batch in the running statistics.
                momentum: f32,
            },
            channel_norm::facts(x, eps, momentum),
            channel_norm::backward(x, tile),
            (Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, Shape { channels: 3, height: 2, width: 2 });

            /// The mean under a window.
            9 "average-pool" fn average_pool: AveragePool {
                /// The window, without padding.
                window: Window,
            },
            pool::average_facts(x, window),
            BackwardFacts::NOTHING,
            (Op::AveragePool { window: Window { height: 2, width: 2, stride: 2, padding: 0 } }, Shape { channels: 2, height: 4, width: 4 });

            /// The maximum under a window.
            10 "max-pool" fn max_pool: MaxPool {
                /// The window, of at most 256 taps.
                window: Window,
            },
            pool::max_facts(x, window),
            pool::max_backward(x, window, tile),
            (Op::MaxPool { window: Window { height: 3, width: 3, stride: 2, padding: 1 } }, Shape { channels: 2, height: 5, width: 5 });

            /// Drops units at random in training and scales the others by `1 / (1 - rate)`; the identity in inference.
            11 "dropout" fn dropout: Dropout {
                /// Share that is dropped.
                rate: f32,
            },
            dropout::facts(x, rate),
            BackwardFacts::IN_PLACE,
            (Op::Dropout { rate: 0.25 }, Shape::vector(6));

            /// Every `stride`-th row and column, then channels of zeros: the shortcut of a residual block that changes the image.
            12 "shortcut" fn shortcut: Shortcut {
                /// Channels out, no fewer than come in.
                channels: u32,
                /// From one row or column taken to the next.
                stride: u32,
            },
            shortcut::facts(x, channels, stride),
            BackwardFacts::NOTHING,
            (Op::Shortcut { channels: 5, stride: 2 }, Shape { channels: 3, height: 4, width: 4 });

            /// `y = (a * x0) + (b * x1)`: the residual join.
            13 "add": Add {
                /// Scale of the first operand.
                a: f32,
                /// Scale of the second operand.
                b: f32,
            },
            join::facts(x, y, a, b),
            BackwardFacts::IN_PLACE,
            (Op::Add { a: 1.0, b: 0.5 }, Shape::vector(5));

            /// Batch norm without parameters. It uses the statistics of the batch in inference, too.
            14 "normalise" fn normalise: Normalise {
                /// Added to the variance under the root.
                eps: f32,
            },
            channel_norm::normalise_facts(x, eps),
            channel_norm::NORMALISE_BACKWARD,
            (Op::Normalise { eps: 1e-5 }, Shape { channels: 3, height: 2, width: 2 });

            /// Subtracts the mean of each channel over points and positions.
            15 "centre" fn centre: Centre,
            channel_norm::centre_facts(x),
            BackwardFacts::IN_PLACE,
            (Op::Centre, Shape { channels: 3, height: 2, width: 2 });

            /// `y = x > 0 ? x : alpha (exp(x) - 1)`.
            16 "elu" fn elu: Elu {
                /// y tends to -alpha as x tends to minus infinity; at least 0.
                alpha: f32,
            },
            elu::facts(x, alpha),
            BackwardFacts::OF_VALUE,
            (Op::Elu { alpha: 0.75 }, Shape { channels: 3, height: 1, width: 2 });

            /// `y = 1 / (1 + exp(-x))`.
            17 "sigmoid" fn sigmoid: Sigmoid,
            Facts::in_place(x),
            BackwardFacts::OF_VALUE,
            (Op::Sigmoid, Shape::vector(6));

            /// Normalises each point over groups of neighbouring channels; parameters gamma, then beta, one a channel.
            18 "group-norm" fn group_norm: GroupNorm {
                /// Groups; they divide the channels.
                groups: u32,
                /// Added to the variance under the root.
                eps: f32,
            },
            group_norm::facts(x, groups, eps),
            group_norm::backward(x, groups, tile, learns),
            (Op::GroupNorm { groups: 2, eps: 1e-5 }, Shape { channels: 4, height: 2, width: 3 });

            /// A function of single elements with numbers a and b.
            19 "function" if "models" fn function: Function {
                /// Its number in the table of functions.
                function: Function,
                /// The number a of the function; 0 where it has none.
                a: f32,
                /// The number b of the function; 0 where it has none.
                b: f32,
            },
            function::facts(x, function, a, b),
            function::backward(function).of_models(),
            (Op::Function { function: Function::Tanh, a: 0.0, b: 0.0 }, Shape { channels: 2, height: 2, width: 3 });

            /// `y = exp(x - m) / sum(exp(x - m))` along an axis, m the maximum, or its logarithm.
            20 "softmax" if "models" fn softmax: Softmax {
                /// The axis.
                axis: Axis,
                /// Whether the value is the logarithm.
                log: bool,
            },
            softmax::facts(x),
            softmax::BACKWARD.of_models(),
            (Op::Softmax { axis: Axis::Channels, log: false }, Shape { channels: 4, height: 2, width: 3 });

            /// A function of the elements of two values, of which the second is repeated along each axis where it has one entry.
            21 "pairwise" if "models": Pairwise {
                /// The function.
                pair: Pair,
            },
            pairwise::facts(x, y),
            pairwise::backward(pair).of_models(),
            (Op::Pairwise { pair: Pair::Multiply }, Shape { channels: 2, height: 2, width: 3 });

            /// Parameters as a value, one a unit, the same at every point. The operand is not used: its gradient is +0.0.
            22 "constant" if "models" fn constant: Constant {
                /// The shape of the value.
                shape: Shape,
                /// The value that training starts from.
                start: f32,
            },
            constant::facts(shape, start),
            constant::backward(shape, tile, learns).of_models(),
            (Op::Constant { shape: Shape { channels: 2, height: 1, width: 3 }, start: 1.0 }, Shape::vector(2));

            /// The same units with other axes.
            23 "transpose" if "models" fn transpose: Transpose {
                /// The axis that becomes channels.
                channels: Axis,
                /// The axis that becomes rows.
                rows: Axis,
                /// The axis that becomes columns.
                columns: Axis,
            },
            movement::facts(movement::transpose(x, [channels, rows, columns])),
            BackwardFacts::NOTHING,
            (
                Op::Transpose { channels: Axis::Columns, rows: Axis::Channels, columns: Axis::Rows },
                Shape { channels: 2, height: 3, width: 4 }
            );

            /// Entries of an axis: the first one, then each `step` further.
            24 "slice" if "models" fn slice: Slice {
                /// The axis.
                axis: Axis,
                /// The first entry.
                start: u32,
                /// From one entry to the next; not 0.
                step: i32,
                /// Number of entries.
                count: u32,
            },
            movement::facts(movement::slice(x, axis, start, step, count)),
            BackwardFacts::NOTHING,
            (
                Op::Slice { axis: Axis::Columns, start: 4, step: -2, count: 2 },
                Shape { channels: 2, height: 3, width: 5 }
            );

            /// The second operand behind the first along an axis.
            25 "concat" if "models": Concat {
                /// The axis.
                axis: Axis,
            },
            concat::facts(x, y, axis),
            BackwardFacts::NOTHING,
            (Op::Concat { axis: Axis::Rows }, Shape { channels: 2, height: 2, width: 3 });

            /// Entries around a value, on each axis so many before it in the low half of a word, and so many after it in the high half.
            26 "pad" if "models" fn pad: Pad {
                /// What they are.
                mode: PadMode,
                /// The constant; +0.0 in other modes.
                constant: f32,
                /// Channels.
                channels: u32,
                /// Rows.
                rows: u32,
                /// Columns.
                columns: u32,
            },
            movement::facts(movement::pad(x, mode, constant, [channels, rows, columns])),
            BackwardFacts::NOTHING,
            (
                Op::Pad { mode: PadMode::Constant, constant: 0.5, channels: 0, rows: 1, columns: 2 << 16 | 1 },
                Shape { channels: 2, height: 2, width: 3 }
            );

            /// Repeats the only entry of an axis.
            27 "expand" if "models" fn expand: Expand {
                /// The shape of the value.
                shape: Shape,
            },
            movement::facts(movement::expand(x, shape)),
            BackwardFacts::NOTHING,
            (
                Op::Expand { shape: Shape { channels: 2, height: 3, width: 4 } },
                Shape { channels: 2, height: 1, width: 4 }
            );

            /// Entry i of an axis is entry `floor((i numerator + offset) / denominator)` of the operand, or its first or last one.
            28 "resize" if "models" fn resize: Resize {
                /// The axis.
                axis: Axis,
                /// Entries of the value.
                size: u32,
                /// Operand entries to `denominator` value entries.
                numerator: u32,
                /// Added before the division.
                offset: i32,
                /// The divisor.
                denominator: u32,
            },
            movement::facts(movement::resize(x, axis, size, [numerator, denominator], offset)),
            BackwardFacts::NOTHING,
            (
                Op::Resize { axis: Axis::Columns, size: 5, numerator: 3, offset: -1, denominator: 5 },
                Shape { channels: 2, height: 2, width: 3 }
            );

            /// Products of matrices, one a channel: `y[i][j] = sum over k of x0[i][k] x1[k][j]`.
            29 "matmul" if "models": Matmul {
                /// Whether the second operand is `x1[j][k]`.
                transposed: bool,
            },
            matmul::facts(x, y, transposed),
            matmul::BACKWARD.of_models(),
            (Op::Matmul { transposed: false }, Shape { channels: 2, height: 3, width: 3 });

            /// The mean, the sum or the maximum along some axes, which have one entry then.
            30 "reduce" if "models" fn reduce: Reduce {
                /// What is computed.
                reduction: Reduction,
                /// 1 for channels, 2 for rows, 4 for columns, or a sum of these.
                axes: u32,
            },
            reduce::facts(x, axes),
            reduce::backward(reduction).of_models(),
            (Op::Reduce { reduction: Reduction::Mean, axes: 6 }, Shape { channels: 2, height: 2, width: 3 });

            /// Convolution by groups of channels, with strides, dilations and paddings for each side; parameters `[c_out][c_in / groups][kh][kw]`,
            /// then one bias per channel.
            41 "grouped-conv" if "models": GroupedConv {
                /// Channels out.
                channels: u32,
                /// Groups; they divide the channels in and out.
                groups: u32,
                /// The kernel's window.
                window: DilatedWindow,
                /// Whether it has a bias.
                bias: bool,
            },
            grouped_conv::facts(x, (channels, groups), window, bias),
            grouped_conv::backward(x, (channels, groups), window, bias, tile),
            (
                Op::GroupedConv {
                    channels: 6,
                    groups: 2,
                    window: DilatedWindow { height: 3, width: 2, strides: [1, 2], dilations: [2, 1], padding: [1, 0, 2, 1] },
                    bias: true,
                },
                Shape { channels: 4, height: 5, width: 4 }
            );

            /// The same without a bias, its sums through the taps first, then through the channels: TFLite's order.
            42 "taps-first-conv" if "models": TapsFirstConv {
                /// Channels out.
                channels: u32,
                /// Groups; they divide the channels in and out.
                groups: u32,
                /// The kernel's window.
                window: DilatedWindow,
            },
            grouped_conv::facts(x, (channels, groups), window, false),
            grouped_conv::backward(x, (channels, groups), window, false, tile),
            (
                Op::TapsFirstConv {
                    channels: 6,
                    groups: 1,
                    window: DilatedWindow { height: 3, width: 3, strides: [2, 1], dilations: [1, 2], padding: [0, 2, 1, 1] },
                },
                Shape { channels: 3, height: 6, width: 5 }
            );

            /// The mean of what a dilated window sees.
            43 "dilated-average-pool" if "models": DilatedAveragePool {
                /// The window, of at most 2^24 taps, which sees some of the image at every position.
                window: DilatedWindow,
                /// Whether the padding counts in what the sum is divided by.
                whole: bool,
            },
            dilated_average::facts(x, window),
            BackwardFacts::NOTHING,
            (
                Op::DilatedAveragePool {
                    window: DilatedWindow { height: 3, width: 2, strides: [2, 1], dilations: [1, 2], padding: [1, 1, 0, 2] },
                    whole: false,
                },
                Shape { channels: 2, height: 5, width: 4 }
            );

            /// The maximum of what a dilated window sees.
            44 "dilated-max-pool" if "models": DilatedMaxPool {
                /// The window, of at most 2^16 taps, which sees some of the image at every position.
                window: DilatedWindow,
            },
            dilated_pool::max_facts(x, window),
            dilated_pool::max_backward(x, window, tile),
            (
                Op::DilatedMaxPool {
                    window: DilatedWindow { height: 2, width: 3, strides: [1, 2], dilations: [2, 1], padding: [1, 1, 0, 2] },
                },
                Shape { channels: 2, height: 4, width: 5 }
            );

            /// An input of bytes: i8 values, four a word, `[row][column][channel]`.
            51 "int8-input" if "int8": Int8Input {
                /// Its shape.
                shape: Shape,
            },
            quantised::of(shape),
            BackwardFacts::NOTHING,
            (Op::Int8Input { shape: Shape { channels: 3, height: 2, width: 2 } }, Shape { channels: 3, height: 2, width: 2 });

            /// The same bytes under another shape.
            52 "int8-reshape" if "int8": Int8Reshape {
                /// The new shape.
                shape: Shape,
            },
            quantised::reshape(x, shape),
            BackwardFacts::NOTHING,
            (Op::Int8Reshape { shape: Shape::vector(12) }, Shape { channels: 3, height: 2, width: 2 });

            /// Convolution of bytes; parameters `[c_out][kh][kw][c_in]` as bytes, then bias, multiplier and shift of each channel.
            53 "int8-conv" if "int8": Int8Conv {
                /// Channels out.
                channels: u32,
                /// The kernel's window.
                window: DilatedWindow,
                /// Zero points, and what the value is clamped to.
                range: Int8Range,
            },
            quantised::conv(x, channels, window, range),
            BackwardFacts::NOTHING,
            (
                Op::Int8Conv {
                    channels: 4,
                    window: DilatedWindow { height: 3, width: 2, strides: [1, 2], dilations: [2, 1], padding: [1, 0, 2, 1] },
                    range: Int8Range { operand_zero: 3, zero: -5, least: -128, most: 127 },
                },
                Shape { channels: 3, height: 5, width: 4 }
            );

            /// Convolution of bytes, each channel for itself; parameters `[kh][kw][c_out]` as bytes, then bias, multiplier and shift of each channel.
            54 "int8-depthwise-conv" if "int8": Int8DepthwiseConv {
                /// Channels out: a multiple of the channels in.
                channels: u32,
                /// The kernel's window.
                window: DilatedWindow,
                /// Zero points, and what the value is clamped to.
                range: Int8Range,
            },
            quantised::depthwise(x, channels, window, range),
            BackwardFacts::NOTHING,
            (
                Op::Int8DepthwiseConv {
                    channels: 6,
                    window: DilatedWindow { height: 3, width: 3, strides: [2, 1], dilations: [1, 1], padding: [1, 1, 1, 1] },
                    range: Int8Range { operand_zero: -128, zero: 7, least: 7, most: 127 },
                },
                Shape { channels: 3, height: 5, width: 4 }
            );

            /// A dense layer of bytes; parameters `[out][in]` as bytes, then bias, multiplier and shift of each unit or, `real`, bias and the 64
            /// bits of an f64 multiplier.
            55 "int8-dense" if "int8": Int8Dense {
                /// Units out.
                outputs: u32,
                /// Zero points, and what the value is clamped to.
                range: Int8Range,
                /// Whether the product with the multiplier is that of f64.
                real: bool,
            },
            quantised::dense(x, outputs, range),
            BackwardFacts::NOTHING,
            (
                Op::Int8Dense {
                    outputs: 3,
                    range: Int8Range { operand_zero: 1, zero: 2, least: -100, most: 100 },
                    real: false,
                },
                Shape::vector(10)
            );

            /// The sum of two values of bytes; parameters zero point, multiplier and shift of each, then multiplier and shift of the sum.
            56 "int8-add" if "int8": Int8Add {
                /// Zero point of the value, and what it is clamped to.
                range: Int8Range,
            },
            quantised::join(x, y, range, 8),
            BackwardFacts::NOTHING,
            (Op::Int8Add { range: Int8Range { operand_zero: 0, zero: 4, least: -128, most: 127 } }, Shape::vector(7));

            /// The product of two values of bytes; parameters the zero point of each, then multiplier and shift.
            57 "int8-multiply" if "int8": Int8Multiply {
                /// Zero point of the value, and what it is clamped to.
                range: Int8Range,
            },
            quantised::join(x, y, range, 4),
            BackwardFacts::NOTHING,
            (Op::Int8Multiply { range: Int8Range { operand_zero: 0, zero: 4, least: -128, most: 127 } }, Shape::vector(7));

            /// The mean of the bytes that a window sees.
            58 "int8-average-pool" if "int8": Int8AveragePool {
                /// The window.
                window: DilatedWindow,
                /// What the value is clamped to.
                range: Int8Range,
            },
            quantised::pool(x, window, range),
            BackwardFacts::NOTHING,
            (
                Op::Int8AveragePool {
                    window: DilatedWindow { height: 2, width: 2, strides: [1, 2], dilations: [1, 1], padding: [1, 0, 0, 1] },
                    range: Int8Range { operand_zero: 0, zero: 0, least: -128, most: 127 },
                },
                Shape { channels: 3, height: 3, width: 4 }
            );

            /// The largest of the bytes that a window sees.
            59 "int8-max-pool" if "int8": Int8MaxPool {
                /// The window.
                window: DilatedWindow,
                /// What the value is clamped to.
                range: Int8Range,
            },
            quantised::pool(x, window, range),
            BackwardFacts::NOTHING,
            (
                Op::Int8MaxPool {
                    window: DilatedWindow { height: 2, width: 2, strides: [1, 2], dilations: [1, 1], padding: [1, 0, 0, 1] },
                    range: Int8Range { operand_zero: 0, zero: 0, least: -128, most: 127 },
                },
                Shape { channels: 3, height: 3, width: 4 }
            );

            /// Each byte replaced by one of 256; parameters the bytes for -128 to 127.
            60 "int8-table" if "int8": Int8Table,
            quantised::table(x),
            BackwardFacts::NOTHING,
            (Op::Int8Table, Shape::vector(9));

            /// Softmax of bytes over the channels, in fixed point.
            61 "int8-softmax" if "int8": Int8Softmax {
                /// Of the difference to the largest.
                multiplier: i32,
                /// Of the difference to the largest.
                shift: i32,
                /// The smallest difference whose exponential is not 0.
                least: i32,
            },
            quantised::softmax(x, multiplier, shift, least),
            BackwardFacts::NOTHING,
            (Op::Int8Softmax { multiplier: 1 << 30, shift: 22, least: -248 }, Shape { channels: 5, height: 1, width: 2 });

            /// The mean of bytes over rows and columns, or over some of the axes, rescaled.
            62 "int8-mean" if "int8": Int8Mean {
                /// 1 for channels, 2 for rows, 4 for columns, or a sum of these.
                axes: u32,
                /// Zero points, and what the value is clamped to.
                range: Int8Range,
                /// Of the sum.
                multiplier: i32,
                /// Of the sum.
                shift: i32,
            },
            quantised::mean(x, axes, range, (multiplier, shift)),
            BackwardFacts::NOTHING,
            (
                Op::Int8Mean {
                    axes: 6,
                    range: Int8Range { operand_zero: 2, zero: -3, least: -128, most: 127 },
                    multiplier: 1 << 30,
                    shift: -2,
                },
                Shape { channels: 3, height: 2, width: 3 }
            );

            /// Bytes around a value, on each axis so many before it in the low half of a word, and so many after it in the high half.
            63 "int8-pad" if "int8": Int8Pad {
                /// The byte.
                value: i32,
                /// Channels.
                channels: u32,
                /// Rows.
                rows: u32,
                /// Columns.
                columns: u32,
            },
            quantised::pad(x, value, [channels, rows, columns]),
            BackwardFacts::NOTHING,
            (Op::Int8Pad { value: -4, channels: 0, rows: 1, columns: 2 << 16 | 1 }, Shape { channels: 2, height: 2, width: 3 });

            /// The bytes of the second operand behind those of the first along an axis.
            64 "int8-concat" if "int8": Int8Concat {
                /// The axis.
                axis: Axis,
            },
            quantised::concat(x, y, axis),
            BackwardFacts::NOTHING,
            (Op::Int8Concat { axis: Axis::Channels }, Shape { channels: 2, height: 2, width: 3 });

            /// Numbers as bytes: `round(x / scale) + zero`, ties away from zero, clamped. Element i becomes byte i.
            65 "quantise" if "int8": Quantise {
                /// The shape of the value.
                shape: Shape,
                /// The scale.
                scale: f32,
                /// The zero point.
                zero: i32,
            },
            quantised::convert(x, shape, scale, zero),
            BackwardFacts::NOTHING,
            (
                Op::Quantise { shape: Shape { channels: 3, height: 2, width: 2 }, scale: 0.0625, zero: -3 },
                Shape { channels: 2, height: 2, width: 3 }
            );

            /// Bytes as numbers: `scale (x - zero)`. Byte i becomes element i.
            66 "dequantise" if "int8": Dequantise {
                /// The shape of the value.
                shape: Shape,
                /// The scale.
                scale: f32,
                /// The zero point.
                zero: i32,
            },
            quantised::convert(x, shape, scale, zero),
            BackwardFacts::NOTHING,
            (
                Op::Dequantise { shape: Shape { channels: 2, height: 2, width: 3 }, scale: 0.0625, zero: -3 },
                Shape { channels: 3, height: 2, width: 2 }
            );
        }
    };
}
pub(crate) use operations;

operations!(define);

/// The statistics of a norm over the batch and how it applies them.
///
/// ```
/// use shatterscope::graph::{BatchStatistics, Op};
///
/// let affine = BatchStatistics { eps: Some(1e-5), affine: Some(0.1) };
/// assert_eq!(Op::BatchNorm { eps: 1e-5, momentum: 0.1 }.norm(), Some(affine));
/// assert_eq!(Op::Relu.norm(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BatchStatistics {
    /// Added to the variance under the root. None if only the mean is subtracted.
    pub eps: Option<f32>,
    /// The momentum of the running statistics. Some if the norm has running statistics and a scale and shift per channel.
    pub affine: Option<f32>,
}

impl Op {
    /// Whether it is an input of the graph.
    pub const fn is_input(&self) -> bool {
        matches!(self, Op::Input { .. } | Op::Int8Input { .. })
    }

    /// Whether it has two operands.
    pub const fn is_binary(&self) -> bool {
        matches!(
            self,
            Op::Add { .. }
                | Op::Pairwise { .. }
                | Op::Concat { .. }
                | Op::Matmul { .. }
                | Op::Int8Add { .. }
                | Op::Int8Multiply { .. }
                | Op::Int8Concat { .. }
        )
    }

    /// Whether its operands are of i8, and whether its value is.
    pub const fn is_int8(&self) -> [bool; 2] {
        if !cfg!(feature = "int8") {
            return [false; 2];
        }
        match self {
            Op::Int8Input { .. }
            | Op::Int8Reshape { .. }
            | Op::Int8Conv { .. }
            | Op::Int8DepthwiseConv { .. }
            | Op::Int8Dense { .. }
            | Op::Int8Add { .. }
            | Op::Int8Multiply { .. }
            | Op::Int8AveragePool { .. }
            | Op::Int8MaxPool { .. }
            | Op::Int8Table
            | Op::Int8Softmax { .. }
            | Op::Int8Mean { .. }
            | Op::Int8Pad { .. }
            | Op::Int8Concat { .. } => [true; 2],
            Op::Quantise { .. } => [false, true],
            Op::Dequantise { .. } => [true, false],
            _ => [false; 2],
        }
    }

    /// Whether a dense layer has a bias. None for other operations.
    pub(crate) const fn dense(&self) -> Option<bool> {
        match *self {
            Op::Dense { bias, .. } => Some(bias),
            _ => None,
        }
    }

    /// The window of a convolution, and whether it has a bias. None for other operations.
    pub(crate) const fn conv(&self) -> Option<(Window, bool)> {
        match *self {
            Op::Conv { window, bias, .. } => Some((window, bias)),
            _ => None,
        }
    }

    /// The functions of an operation that works on single elements. None for other operations.
    /// Whether rows of it are channels in or out.
    pub(crate) const fn is_conv(&self) -> bool {
        matches!(self, Op::Conv { .. }) || self.is_grouped_conv()
    }

    /// Whether it is a convolution by groups.
    pub(crate) const fn is_grouped_conv(&self) -> bool {
        cfg!(feature = "models") && matches!(self, Op::GroupedConv { .. } | Op::TapsFirstConv { .. })
    }

    /// A convolution by groups of an image, and whether it has a bias. None for other operations.
    pub(crate) const fn grouped_conv(&self, input: Image) -> Option<(GroupedConv, bool)> {
        // No graph has one.
        if !cfg!(feature = "models") {
            return None;
        }
        let (channels, groups, window, bias, taps_first) = match *self {
            Op::GroupedConv { channels, groups, window, bias } => (channels, groups, window, bias, false),
            Op::TapsFirstConv { channels, groups, window } => (channels, groups, window, false, true),
            _ => return None,
        };
        Some((GroupedConv { input, channels, groups, window, taps_first }, bias))
    }

    /// The functions of an operation that works on single elements and is differentiated from its value. None for other operations.
    pub const fn elements(&self) -> Option<Elements> {
        match *self {
            Op::Elu { alpha } => Some(Elements { number: alpha, ..elu::ELEMENTS }),
            Op::Sigmoid => Some(sigmoid::ELEMENTS),
            // The table is not linked where its functions are refused.
            Op::Function { function, a, b } if cfg!(feature = "models") => Some(function.elements(a, b)),
            _ => None,
        }
    }

    /// The statistics of a norm. None for other operations.
    pub const fn norm(&self) -> Option<BatchStatistics> {
        match *self {
            Op::BatchNorm { eps, momentum } => Some(BatchStatistics { eps: Some(eps), affine: Some(momentum) }),
            Op::Normalise { eps } => Some(BatchStatistics { eps: Some(eps), affine: None }),
            Op::Centre => Some(BatchStatistics { eps: None, affine: None }),
            _ => None,
        }
    }
}

fn long_enough(buffer: Buffer, have: usize, need: Option<usize>) -> Result<(), Error> {
    match need {
        Some(need) if have >= need => Ok(()),
        Some(need) => Err(Error::TooShort { buffer, need: need as u64, have: have as u64 }),
        // More than can be counted.
        None => Err(Error::TooShort { buffer, need: u64::MAX, have: have as u64 }),
    }
}

/// Bytes of tape that a ReLU of this many units keeps for a tile of T points: one bit a unit and point.
pub const fn tape_bytes(units: u64, tile: u64) -> Option<u64> {
    match units.checked_mul(tile) {
        Some(bits) => Some(bits.div_ceil(8)),
        None => None,
    }
}

pub(crate) use batch_norm::{inverse_deviation, through_batch};

use super::{BackwardFacts, Facts, Shape};
use crate::error::{Error, Refusal};
use crate::layer::{self, Window};

/// The statistics of a norm over the batch and how it applies them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Norm {
    /// Added to the variance under the root. None if only the mean is subtracted.
    pub eps: Option<f32>,
    /// The momentum of the running statistics. Some if the norm has running statistics and a scale and shift per channel.
    pub affine: Option<f32>,
}

/// An operation. What it needs and what it costs is in its [`Facts`]; its loops are in [`layer`](crate::layer).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Op {
    /// An input of the network. Inputs are the first nodes.
    Input {
        /// Its shape.
        shape: Shape,
    },
    /// The same units under another shape.
    Reshape {
        /// The new shape.
        shape: Shape,
    },
    /// `y = W x [+ b]`; parameters W `[out][in]`, then b.
    Dense {
        /// Units out.
        outputs: u32,
        /// Whether it has a bias.
        bias: bool,
    },
    /// 2-d convolution; parameters `[c_out][c_in][kh][kw]`, then one bias per channel.
    Conv {
        /// Channels out.
        channels: u32,
        /// The kernel's window.
        window: Window,
        /// Whether it has a bias.
        bias: bool,
    },
    /// `y = x > 0 ? x : 0`.
    Relu,
    /// `y = x > 0 ? x : slope x`; parameters one slope per channel.
    Prelu {
        /// The slope that training starts from.
        slope: f32,
    },
    /// Channel c becomes 2c = relu(x) and 2c + 1 = relu(-x).
    Crelu,
    /// Batch norm per channel, over points and positions; parameters gamma, then beta.
    BatchNorm {
        /// Added to the variance under the root.
        eps: f32,
        /// Weight of a new batch in the running statistics.
        momentum: f32,
    },
    /// Batch norm without parameters. It uses the statistics of the batch in inference, too.
    Normalise {
        /// Added to the variance under the root.
        eps: f32,
    },
    /// Subtracts the mean of each channel over points and positions.
    Centre,
    /// The mean under a window.
    AveragePool {
        /// The window, without padding.
        window: Window,
    },
    /// The maximum under a window.
    MaxPool {
        /// The window, of at most 256 taps.
        window: Window,
    },
    /// Drops units at random in training and scales the others by `1 / (1 - rate)`; the identity in inference.
    Dropout {
        /// Share that is dropped.
        rate: f32,
    },
    /// Every `stride`-th row and column, then channels of zeros: the shortcut of a residual block that changes the image.
    Shortcut {
        /// Channels out, no fewer than come in.
        channels: u32,
        /// From one row or column taken to the next.
        stride: u32,
    },
    /// `y = (a * x0) + (b * x1)`: the residual join.
    Add {
        /// Scale of the first operand.
        a: f32,
        /// Scale of the second operand.
        b: f32,
    },
}

impl Op {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Op::Input { .. } => "input",
            Op::Reshape { .. } => "reshape",
            Op::Dense { .. } => "dense",
            Op::Conv { .. } => "conv",
            Op::Relu => "relu",
            Op::Prelu { .. } => "prelu",
            Op::Crelu => "crelu",
            Op::BatchNorm { .. } => "batch-norm",
            Op::Normalise { .. } => "normalise",
            Op::Centre => "centre",
            Op::AveragePool { .. } => "average-pool",
            Op::MaxPool { .. } => "max-pool",
            Op::Dropout { .. } => "dropout",
            Op::Shortcut { .. } => "shortcut",
            Op::Add { .. } => "add",
        }
    }

    /// Whether it is an input of the network.
    pub const fn is_input(&self) -> bool {
        matches!(self, Op::Input { .. })
    }

    /// Whether it has two operands.
    pub const fn is_binary(&self) -> bool {
        matches!(self, Op::Add { .. })
    }

    /// Whether a dense layer has a bias. None for other operations.
    pub(crate) const fn dense(&self) -> Option<bool> {
        match *self {
            Op::Dense { bias, .. } => Some(bias),
            _ => None,
        }
    }

    /// The statistics of a norm. None for other operations.
    pub const fn norm(&self) -> Option<Norm> {
        match *self {
            Op::BatchNorm { eps, momentum } => Some(Norm { eps: Some(eps), affine: Some(momentum) }),
            Op::Normalise { eps } => Some(Norm { eps: Some(eps), affine: None }),
            Op::Centre => Some(Norm { eps: None, affine: None }),
            _ => None,
        }
    }

    /// What the operation makes of operands of these shapes, and what it needs for that. An operation with one operand gets it twice.
    ///
    /// # Errors
    /// [`Error::Refused`] where the shapes do not fit the operation, or one of its numbers is out of range.
    pub const fn facts(&self, x: Shape, y: Shape) -> Result<Facts, Error> {
        match *self {
            Op::Input { shape } => Facts::of(shape),
            Op::Reshape { shape } => reshape(x, shape),
            Op::Dense { outputs, bias } => layer::dense::facts(x, outputs, bias),
            Op::Conv { channels, window, bias } => layer::conv::facts(x, channels, window, bias),
            Op::Relu => Facts::in_place(x),
            Op::Prelu { slope } => layer::prelu::facts(x, slope),
            Op::Crelu => layer::crelu::facts(x),
            Op::BatchNorm { eps, momentum } => layer::channel_norm::facts(x, eps, momentum),
            Op::Normalise { eps } => layer::channel_norm::normalise_facts(x, eps),
            Op::Centre => Facts::in_place(x),
            Op::AveragePool { window } => layer::pool::average_facts(x, window),
            Op::MaxPool { window } => layer::pool::max_facts(x, window),
            Op::Dropout { rate } => layer::dropout::facts(x, rate),
            Op::Shortcut { channels, stride } => layer::shortcut::facts(x, channels, stride),
            Op::Add { a, b } => layer::join::facts(x, y, a, b),
        }
    }

    /// What the backward pass needs, for a first operand of this shape and tiles of at most 64 points. It is for operations that have
    /// [facts](Op::facts).
    pub const fn backward(&self, x: Shape, tile: u32) -> BackwardFacts {
        match *self {
            Op::Input { .. } => BackwardFacts::NOTHING,
            Op::Reshape { .. } | Op::Dropout { .. } | Op::Add { .. } => BackwardFacts::IN_PLACE,
            Op::Dense { outputs, bias } => layer::dense::backward(x, outputs, bias),
            Op::Conv { channels, window, bias } => layer::conv::backward(x, channels, window, bias, tile),
            Op::Relu => BackwardFacts::rectifier(x, tile, false),
            Op::Prelu { .. } => layer::prelu::backward(x, tile),
            Op::Crelu => BackwardFacts::rectifier(x, tile, true),
            Op::BatchNorm { .. } => layer::channel_norm::backward(x, tile),
            Op::Normalise { .. } => layer::channel_norm::NORMALISE_BACKWARD,
            Op::Centre => BackwardFacts::IN_PLACE,
            Op::AveragePool { .. } | Op::Shortcut { .. } => BackwardFacts::NOTHING,
            Op::MaxPool { window } => layer::pool::max_backward(x, window, tile),
        }
    }
}

/// The same units.
const fn reshape(x: Shape, shape: Shape) -> Result<Facts, Error> {
    match (x.units(), shape.units()) {
        (Some(before), Some(after)) if before == after => Facts::in_place(shape),
        _ => Err(Error::Refused(Refusal::Shape)),
    }
}

use shatterscope::graph::Image;
use shatterscope::graph::{Facts, Op, Shape};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::{Error, InvalidSpec};

/// One layer of a network that is trained. Images are `[c][h][w]`, vectors are images of one position. Flattening is not a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize))]
pub enum Layer {
    /// `y = W x [+ b]`; parameters W `[out][in]`, then b.
    Dense {
        /// Units in.
        inputs: u32,
        /// Units out.
        outputs: u32,
        /// Whether it has a bias.
        bias: bool,
    },
    /// 2-d convolution; parameters `[c_out][c_in][kh][kw]`, then one bias per channel.
    Conv {
        /// Image, window, channels out.
        conv: Conv,
        /// Whether it has a bias.
        bias: bool,
    },
    /// `x > 0 ? x : 0`.
    Relu {
        /// Units.
        units: u32,
    },
    /// `x > 0 ? x : slope x`, one learnable slope per channel; parameters the slopes.
    ///
    /// He et al. leave slopes out of the weight decay. Here decay takes all parameters alike, slopes, biases and scales of norms too.
    Prelu {
        /// What goes in and comes out.
        image: Image,
        /// The slope that training starts from; 1 is the looks-linear initialisation.
        slope: f32,
    },
    /// Channel c becomes 2c = relu(x) and 2c + 1 = relu(-x).
    Crelu {
        /// What goes in.
        image: Image,
    },
    /// Batch norm per channel, over points and positions; parameters gamma, then beta.
    BatchNorm {
        /// What goes in and comes out.
        image: Image,
        /// Added to the variance under the root.
        eps: f32,
        /// Weight of a new batch in the running statistics.
        momentum: f32,
    },
    /// The mean under a window.
    AveragePool {
        /// Image and window, without padding.
        pool: Pool,
    },
    /// The maximum under a window.
    MaxPool {
        /// Image and window, of at most 256 taps.
        pool: Pool,
    },
    /// Drops units at random in training and scales the others by `1 / (1 - rate)`.
    Dropout {
        /// Units.
        units: u32,
        /// Share that is dropped.
        rate: f32,
    },
    /// Keeps its input for the next join.
    Fork {
        /// What is kept.
        image: Image,
    },
    /// `x <- (a * kept) + (b * x)`, where what was kept goes through a shortcut if the branch has changed the image.
    Join {
        /// From the image kept to the branch's.
        shortcut: Shortcut,
        /// Scale of what was kept.
        a: f32,
        /// Scale of the branch.
        b: f32,
    },
}

impl Layer {
    /// The shape in which the layer takes its input.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] with [`InvalidSpec::Layers`] for an input without units, [`InvalidSpec::TooLarge`] for one of more than 2^32 - 1 units or
    /// 65,535 rows or columns, and [`InvalidSpec::Window`] for a join whose shortcut does not fit its image.
    pub const fn input(&self) -> Result<Shape, Error> {
        let image = match *self {
            Layer::Dense { inputs: units, .. } | Layer::Relu { units } | Layer::Dropout { units, .. } => {
                Image::vector(units)
            }
            Layer::Conv { conv: Conv { input: image, .. }, .. }
            | Layer::Prelu { image, .. }
            | Layer::Crelu { image }
            | Layer::BatchNorm { image, .. }
            | Layer::AveragePool { pool: Pool { input: image, .. } }
            | Layer::MaxPool { pool: Pool { input: image, .. } }
            | Layer::Fork { image } => image,
            Layer::Join { shortcut, .. } => match shortcut.output() {
                Some(image) => image,
                None => return Err(Error::InvalidSpec(InvalidSpec::Window)),
            },
        };
        let Some(shape) = Shape::of(image) else { return Err(Error::InvalidSpec(InvalidSpec::TooLarge)) };
        match (Op::Input { shape }).facts(shape, shape) {
            Ok(facts) => Ok(facts.shape),
            Err(error) => Err(error),
        }
    }

    /// The operation of a graph that computes the layer's output. A fork has none: in a graph a value may have several uses.
    pub const fn op(&self) -> Option<Op> {
        Some(match *self {
            Layer::Dense { outputs, bias, .. } => Op::Dense { outputs, bias },
            Layer::Conv { conv, bias } => Op::Conv { channels: conv.channels, window: conv.window, bias },
            Layer::Relu { .. } => Op::Relu,
            Layer::Prelu { slope, .. } => Op::Prelu { slope },
            Layer::Crelu { .. } => Op::Crelu,
            Layer::BatchNorm { eps, momentum, .. } => Op::BatchNorm { eps, momentum },
            Layer::AveragePool { pool } => Op::AveragePool { window: pool.window },
            Layer::MaxPool { pool } => Op::MaxPool { window: pool.window },
            Layer::Dropout { rate, .. } => Op::Dropout { rate },
            Layer::Fork { .. } => return None,
            Layer::Join { a, b, .. } => Op::Add { a, b },
        })
    }

    /// The shape of the layer's output, its parameters, and its channels with running statistics.
    ///
    /// # Errors
    /// As [`Layer::input`] and [`Op::facts`].
    pub const fn facts(&self) -> Result<Facts, Error> {
        let shape = match self.input() {
            Ok(shape) => shape,
            Err(error) => return Err(error),
        };
        match self.op() {
            Some(op) => op.facts(shape, shape),
            None => (Op::Reshape { shape }).facts(shape, shape),
        }
    }

    /// The lengths of (weights, biases), (gamma, beta), or (slopes, none). Layers without facts have them as well: the message that refuses a
    /// network as too large states its size. None past 2^64 - 1.
    pub const fn parameters(&self) -> Option<(u64, u64)> {
        match *self {
            Layer::Dense { inputs, outputs, bias } => {
                Some((inputs as u64 * outputs as u64, if bias { outputs as u64 } else { 0 }))
            }
            Layer::Conv { conv, bias } => match conv.weights() {
                Some(weights) => Some((weights, if bias { conv.channels as u64 } else { 0 })),
                None => None,
            },
            Layer::BatchNorm { image, .. } => Some((image.channels as u64, image.channels as u64)),
            Layer::Prelu { image, .. } => Some((image.channels as u64, 0)),
            _ => Some((0, 0)),
        }
    }
}

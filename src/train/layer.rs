use crate::layer::{Conv, Image, Pool, Shortcut};

/// One operation of a network that learns. Images are `[c][h][w]`, vectors are images of one place; flattening is no operation.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
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
    /// 2-d convolution; parameters `[c_out][c_in][kh][kw]`, then a bias a channel.
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
    /// `x > 0 ? x : slope x`, a slope a channel that learns; parameters the slopes.
    ///
    /// He et al. leave slopes out of the weight decay. Here decay takes all parameters alike, slopes, biases and scales of norms too.
    Prelu {
        /// What goes in and comes out.
        image: Image,
        /// Of negative values, to begin with; 1 is the looks-linear initialisation.
        slope: f32,
    },
    /// Channel c becomes 2c = relu(x) and 2c + 1 = relu(-x).
    Crelu {
        /// What goes in.
        image: Image,
    },
    /// Batch norm a channel, over points and places; parameters gamma, then beta.
    BatchNorm {
        /// What goes in and comes out.
        image: Image,
        /// Under the root.
        eps: f32,
        /// Share of a new batch in the running statistics.
        momentum: f32,
    },
    /// The mean under a window.
    AveragePool {
        /// Image and window, without padding.
        pool: Pool,
    },
    /// The greatest under a window, the first of equals.
    MaxPool {
        /// Image and window, of at most 256 taps.
        pool: Pool,
    },
    /// Leaves out units at random while training, and scales the others by `1 / (1 - rate)`.
    Dropout {
        /// Units.
        units: u32,
        /// Share left out.
        rate: f32,
    },
    /// Keeps its input for the next join.
    Fork {
        /// What is kept.
        image: Image,
    },
    /// `x <- a * kept + b * x`, what was kept going through a shortcut where the branch has changed the image.
    Join {
        /// From the image kept to the branch's.
        shortcut: Shortcut,
        /// Scale of what was kept.
        a: f32,
        /// Scale of the branch.
        b: f32,
    },
}

const fn units(image: Option<Image>) -> Option<u32> {
    match image {
        Some(image) => image.units(),
        None => None,
    }
}

impl Layer {
    /// What goes in. None where it has too many units.
    pub const fn input(&self) -> Option<u32> {
        match self {
            Layer::Dense { inputs: units, .. } | Layer::Relu { units } | Layer::Dropout { units, .. } => Some(*units),
            Layer::Conv { conv: Conv { input: image, .. }, .. }
            | Layer::Prelu { image, .. }
            | Layer::Crelu { image }
            | Layer::BatchNorm { image, .. }
            | Layer::AveragePool { pool: Pool { input: image, .. } }
            | Layer::MaxPool { pool: Pool { input: image, .. } }
            | Layer::Fork { image } => image.units(),
            Layer::Join { .. } => self.output(),
        }
    }

    /// What comes out. None where a window does not fit its image, or there are too many units.
    pub const fn output(&self) -> Option<u32> {
        match self {
            Layer::Dense { outputs, .. } => Some(*outputs),
            Layer::Conv { conv, .. } => units(conv.output()),
            Layer::AveragePool { pool } | Layer::MaxPool { pool } => units(pool.output()),
            Layer::Join { shortcut, .. } => units(shortcut.output()),
            Layer::Crelu { image } => match image.units() {
                Some(units) => units.checked_mul(2),
                None => None,
            },
            _ => self.input(),
        }
    }

    /// (weights, biases), (gamma, beta), or (slopes, none).
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

    /// Channels with running statistics.
    pub const fn statistics(&self) -> u32 {
        match self {
            Layer::BatchNorm { image, .. } => image.channels,
            _ => 0,
        }
    }
}

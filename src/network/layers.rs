use super::Spec;
use crate::error::{Error, Refusal};
use crate::math::is_finite;

/// What a dense layer is in its network; part of the address of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// From the input.
    Stem,
    /// Between layers.
    Hidden,
    /// To the output.
    Readout,
}

/// The shape and address of an affine map `y = W x + bias`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dense {
    /// What it is.
    pub role: Role,
    /// Layer, counted from 1 and below 2^24; a [`Stored`](super::Stored) source keeps its weights at index layer - 1.
    pub layer: u32,
    /// Inputs.
    pub fan_in: u32,
    /// Outputs.
    pub fan_out: u32,
    /// Whether it has a bias.
    pub bias: bool,
}

/// One operation of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Layer {
    /// Affine map.
    Dense(Dense),
    /// Rectifier.
    Relu {
        /// Units.
        width: u32,
    },
    /// Doubling rectifier: `width` units in, 2 * width out.
    Crelu {
        /// Units before the doubling.
        width: u32,
    },
    /// Minus the mean over the points.
    Centre {
        /// Units.
        width: u32,
    },
    /// Batch norm without learned scale.
    BatchNorm {
        /// Units.
        width: u32,
        /// Added to the variance under the root: finite, at least 0.
        eps: f32,
    },
    /// Keeps its input for the next join.
    Fork {
        /// Units.
        width: u32,
    },
    /// `x <- a * kept + b * x`.
    Join {
        /// Units.
        width: u32,
        /// Scale of what was kept: finite, of either sign.
        a: f32,
        /// Scale of the branch: finite, of either sign.
        b: f32,
    },
}

impl Layer {
    /// (units in, units out). Stops at `u32::MAX` where a CReLU would double past it; [`Network::check`] refuses that layer.
    pub const fn shape(&self) -> (u32, u32) {
        match *self {
            Layer::Dense(Dense { fan_in, fan_out, .. }) => (fan_in, fan_out),
            Layer::Crelu { width } => (width, width.saturating_mul(2)),
            Layer::Relu { width }
            | Layer::Centre { width }
            | Layer::BatchNorm { width, .. }
            | Layer::Fork { width }
            | Layer::Join { width, .. } => (width, width),
        }
    }

    /// Why the layer itself is refused, whatever stands before it.
    const fn refusal(&self) -> Option<Refusal> {
        match *self {
            Layer::Dense(Dense { layer, .. }) if layer == 0 || layer >= 1 << 24 => Some(Refusal::Layers),
            Layer::Crelu { width } if width > u32::MAX / 2 => Some(Refusal::TooLarge),
            Layer::BatchNorm { eps, .. } if !(is_finite(eps) && eps >= 0.0) => Some(Refusal::Eps),
            Layer::Join { a, b, .. } if !(is_finite(a) && is_finite(b)) => Some(Refusal::Scale),
            _ => None,
        }
    }

    /// Whether it takes statistics over the points.
    pub const fn is_norm(&self) -> bool {
        matches!(self, Layer::Centre { .. } | Layer::BatchNorm { .. })
    }
}

/// A network: a spec's family, or a list of layers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Network<'a> {
    /// One of the paper's.
    Family(Spec),
    /// One of the caller's.
    Layers(&'a [Layer]),
}

impl Network<'_> {
    /// Number of operations.
    pub const fn len(&self) -> u32 {
        match self {
            Network::Family(spec) => spec.len(),
            // A list that long is refused by `check`.
            Network::Layers(layers) if layers.len() > u32::MAX as usize => u32::MAX,
            Network::Layers(layers) => layers.len() as u32,
        }
    }

    /// Whether there is no operation.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Operation i, None past the end.
    pub const fn layer(&self, i: u32) -> Option<Layer> {
        match self {
            Network::Family(spec) => spec.layer(i),
            Network::Layers(layers) => {
                if (i as usize) < layers.len() {
                    // No panic: the index was compared; `get` is not const.
                    Some(layers[i as usize])
                } else {
                    None
                }
            }
        }
    }

    /// Operations of a hidden block of a family, which begin at operation 1, and how many such blocks there are, one like the other.
    /// Lists repeat nothing: (0, 0).
    pub(super) const fn blocks(&self) -> (u32, u32) {
        match self {
            Network::Family(spec) => (spec.block(), spec.depth.saturating_sub(1)),
            Network::Layers(_) => (0, 0),
        }
    }

    /// Numbers of the operations, ascending, but of a family's hidden blocks only those of the first: the others are like it, and
    /// a network may have millions of them.
    pub fn distinct(&self) -> impl Iterator<Item = u32> + use<> {
        let (block, blocks) = self.blocks();
        let repeats = block.saturating_mul(blocks.saturating_sub(1));
        let len = self.len();
        let head = if repeats == 0 { len } else { block.saturating_add(1) };
        (0..head).chain(head.saturating_add(repeats)..len)
    }

    /// Units that enter operation 0.
    pub const fn inputs(&self) -> u32 {
        match self.layer(0) {
            Some(layer) => layer.shape().0,
            None => 0,
        }
    }

    /// Units that leave the last operation.
    pub const fn outputs(&self) -> u32 {
        match self.layer(self.len().saturating_sub(1)) {
            Some(layer) => layer.shape().1,
            None => 0,
        }
    }

    /// The paper's number of the layer that operation i belongs to: that of the last dense layer up to it.
    pub fn layer_number(&self, i: u32) -> u32 {
        (0..=i)
            .rev()
            .find_map(|i| match self.layer(i) {
                Some(Layer::Dense(dense)) => Some(dense.layer),
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Refuses a spec or a list of layers that cannot be run, as docs/numerics.md, section 4, has the ranges.
    ///
    /// # Errors
    /// [`Error::Refused`]; for a list with [`Refusal::Layers`] where layers do not follow each other, are none or 2^24 or more, or a dense
    /// layer has a number outside of 1 to 2^24 - 1; [`Refusal::Eps`] and [`Refusal::Scale`] for numbers out of range,
    /// [`Refusal::TooLarge`] for a CReLU of more than 2^32 - 1 features.
    pub const fn check(&self) -> Result<(), Error> {
        if let Network::Family(spec) = self {
            return spec.check();
        }
        if self.len() >= 1 << 24 {
            return Err(Error::Refused(Refusal::Layers));
        }
        let (mut units, mut forked, mut i) = (self.inputs(), 0, 0u32);
        while let Some(layer) = self.layer(i) {
            if let Some(refusal) = layer.refusal() {
                return Err(Error::Refused(refusal));
            }
            let (fan_in, fan_out) = layer.shape();
            let open = match layer {
                Layer::Fork { .. } if forked == 0 => {
                    forked = fan_in;
                    true
                }
                Layer::Join { .. } => {
                    let open = forked == fan_in;
                    forked = 0;
                    open
                }
                Layer::Fork { .. } => false,
                _ => true,
            };
            if !open || fan_in != units || fan_in == 0 || fan_out == 0 {
                return Err(Error::Refused(Refusal::Layers));
            }
            units = fan_out;
            i = i.saturating_add(1);
        }
        if i == 0 || forked != 0 { Err(Error::Refused(Refusal::Layers)) } else { Ok(()) }
    }
}

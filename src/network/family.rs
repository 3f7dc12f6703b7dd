use super::{Dense, Family, Layer, Norm, Readout, Role, Spec};

impl Spec {
    /// Operations of one hidden layer: `[norm], rectifier, dense` and, for residual families, fork and join around them.
    pub(super) const fn block(&self) -> u32 {
        let norm = !matches!(self.norm, Norm::None);
        (if self.join().is_some() { 4 } else { 2 }) + norm as u32
    }

    /// Operations between the last preactivation and the readout.
    const fn tail(&self) -> u32 {
        match (self.readout, self.norm) {
            (Readout::Linear, _) => 0,
            (Readout::Relu, _) | (Readout::NormRelu, Norm::None) => 1,
            (Readout::NormRelu, _) => 2,
        }
    }

    /// Number of operations: the stem, depth - 1 blocks, the tail, the readout.
    pub(super) const fn len(&self) -> u32 {
        let blocks = self.depth.saturating_sub(1).saturating_mul(self.block());
        blocks.saturating_add(self.tail() + 2)
    }

    /// Operation i.
    pub(super) const fn layer(&self, i: u32) -> Option<Layer> {
        let Some(i) = i.checked_sub(1) else { return Some(Layer::Dense(self.stem())) };
        // The lengths of a block are spelled out, so that no division by a variable is left in the program.
        let (block, at) = match self.block() {
            2 => (i / 2, i % 2),
            3 => (i / 3, i % 3),
            4 => (i / 4, i % 4),
            _ => (i / 5, i % 5),
        };
        if block + 1 < self.depth {
            return Some(self.hidden(block + 2, at));
        }
        // Nothing saturates: block >= depth - 1, and block times its length is at most i.
        let at = i.saturating_sub(self.depth.saturating_sub(1).saturating_mul(self.block()));
        let tail = self.tail();
        if at < tail {
            Some(if tail == 2 && at == 0 { self.norm_layer() } else { self.rectifier() })
        } else if at == tail {
            Some(Layer::Dense(self.readout_layer()))
        } else {
            None
        }
    }

    /// Operation `at` of the block that leads to layer `layer`.
    const fn hidden(&self, layer: u32, at: u32) -> Layer {
        let (at, join) = match self.join() {
            Some(join) => {
                let Some(at) = at.checked_sub(1) else { return Layer::Fork { width: self.width } };
                (at, Some(join))
            }
            None => (at, None),
        };
        let norm = !matches!(self.norm, Norm::None) as u32;
        match (at + 1 - norm, join) {
            (0, _) => self.norm_layer(),
            (1, _) => self.rectifier(),
            (3, Some((a, b))) => Layer::Join { width: self.width, a, b },
            _ => Layer::Dense(Dense {
                role: Role::Hidden,
                layer,
                fan_in: self.features(),
                fan_out: self.width,
                bias: self.bias_std != 0.0,
            }),
        }
    }

    const fn norm_layer(&self) -> Layer {
        match self.norm {
            Norm::Batch => Layer::BatchNorm { width: self.width, eps: self.eps },
            _ => Layer::Centre { width: self.width },
        }
    }

    const fn rectifier(&self) -> Layer {
        match self.family {
            Family::Crelu => Layer::Crelu { width: self.width },
            _ => Layer::Relu { width: self.width },
        }
    }

    const fn stem(&self) -> Dense {
        Dense { role: Role::Stem, layer: 1, fan_in: 1, fan_out: self.width, bias: true }
    }

    const fn readout_layer(&self) -> Dense {
        let fan_in = if self.tail() == 0 { self.width } else { self.features() };
        Dense { role: Role::Readout, layer: self.depth.saturating_add(1), fan_in, fan_out: 1, bias: false }
    }
}

//! The parameters of a run in memory: drawn once from their seed, or read from a file.
use crate::Result;
use crate::float_mode;
use crate::limits::zeros;
use rayon::prelude::*;
use shatterscope::network::{Block, Dense, Layer, Network, Parameters, Role, Seeded, Stored, Wanted, Weights};

/// The dense layers of a network in their order.
pub fn dense_layers(network: &Network) -> Vec<Dense> {
    (0..network.len())
        .filter_map(|i| match network.layer(i) {
            Some(Layer::Dense(dense)) => Some(dense),
            _ => None,
        })
        .collect()
}

/// f32 elements of all weight matrices.
pub fn weights_len(network: &Network) -> u64 {
    dense_layers(network).iter().map(|dense| dense.fan_in as u64 * dense.fan_out as u64).sum()
}

/// Weights and biases of every dense layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawn {
    /// `weight [out][in]`, `bias [out]` (empty where the layer has none), in the order of the layers.
    pub layers: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Drawn {
    /// Draws every weight once; layers in parallel, as the current thread pool allows.
    ///
    /// # Errors
    /// The system has no memory for them; a thread in another floating-point mode.
    pub fn draw<W: Weights>(network: &Network, weights: &W) -> Result<Self> {
        let draw = |dense: &Dense| {
            float_mode::check()?;
            let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
            let mut panel = zeros(block.len() as u64 + weights.panel_len(dense))?;
            weights.fill::<1>(dense, &block, &mut panel);
            panel.truncate(block.len());
            let biases = if dense.bias { dense.fan_out } else { 0 };
            Ok((panel, (0..biases).map(|row| weights.bias(dense, row)).collect()))
        };
        Ok(Self { layers: dense_layers(network).par_iter().map(draw).collect::<Result<_>>()? })
    }

    /// The parameters as the core takes them.
    pub fn parameters(&self) -> Vec<Parameters<'_>> {
        self.layers.iter().map(|(weight, bias)| Parameters { weight, bias }).collect()
    }

    /// Whether any hidden layer has a bias.
    pub fn hidden_bias(&self) -> bool {
        let hidden = self.layers.len().saturating_sub(1);
        self.layers.iter().take(hidden).skip(1).any(|(_, bias)| !bias.is_empty())
    }
}

/// Either source of weights, as one type, so that the core's code is compiled once for both.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Drawn where they are needed.
    Seeded(Seeded),
    /// In memory.
    Stored(Stored<'a>),
}

impl Weights for Source<'_> {
    fn block(
        &self,
        dense: &Dense,
        transposed: bool,
        from: (u32, u32),
        capacity: usize,
        group: u32,
    ) -> std::result::Result<Block, shatterscope::Error> {
        match self {
            Self::Seeded(seeded) => seeded.block(dense, transposed, from, capacity, group),
            Self::Stored(stored) => stored.block(dense, transposed, from, capacity, group),
        }
    }

    fn fill<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32]) {
        self.fill_wanted::<R>(dense, block, panel, &Wanted::ALL);
    }

    fn fill_wanted<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32], wanted: &Wanted) {
        match self {
            Self::Seeded(seeded) => seeded.fill_wanted::<R>(dense, block, panel, wanted),
            Self::Stored(stored) => stored.fill_wanted::<R>(dense, block, panel, wanted),
        }
    }

    fn matrix(&self, dense: &Dense) -> Option<&[f32]> {
        match self {
            Self::Seeded(seeded) => seeded.matrix(dense),
            Self::Stored(stored) => stored.matrix(dense),
        }
    }

    fn bias(&self, dense: &Dense, row: u32) -> f32 {
        match self {
            Self::Seeded(seeded) => seeded.bias(dense, row),
            Self::Stored(stored) => stored.bias(dense, row),
        }
    }

    fn panel_len(&self, dense: &Dense) -> u64 {
        match self {
            Self::Seeded(seeded) => seeded.panel_len(dense),
            Self::Stored(stored) => stored.panel_len(dense),
        }
    }
}

/// Checks the parameters against the network and lends them to `run`.
///
/// # Errors
/// A missing or short tensor, or one with a value that is not finite; whatever `run` returns.
pub fn with_stored<T>(network: &Network, drawn: &Drawn, run: impl FnOnce(&Source) -> Result<T>) -> Result<T> {
    let parameters = drawn.parameters();
    run(&Source::Stored(Stored::new(network, &parameters)?))
}

/// The name of a dense layer's tensors in files.
pub fn tensor_name(dense: &Dense) -> String {
    match dense.role {
        Role::Stem => "stem".into(),
        Role::Hidden => format!("hidden.{}", dense.layer),
        Role::Readout => "readout".into(),
    }
}

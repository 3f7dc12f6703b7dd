//! The parameters of a run in memory: drawn once from their seed, or read from a file.
use crate::Result;
use crate::float_mode;
use crate::limits::zeros;
use rayon::prelude::*;
use shatterscope::exec::Isa;
use shatterscope::graph::Graph;
use shatterscope::internals::kernel::all_finite;
use shatterscope::internals::weights::{Block, Dense, Role};
use shatterscope::plan::{Plan, Want};
use shatterscope::spec::{Init, Spec};
use shatterscope::weights::Seeded;

/// The dense layers of a network in their order.
///
/// # Errors
/// As [`Spec::check`].
pub fn dense_layers(spec: &Spec) -> Result<impl Iterator<Item = Dense>> {
    let (graph, seeded) = (Graph::family(spec)?, Seeded::new(spec, 0, 0));
    Ok((0..graph.len() as u32).filter_map(move |i| seeded.dense_of(&graph, i)))
}

/// f32 elements of all weight matrices.
///
/// # Errors
/// As [`Spec::check`].
pub fn weights_len(spec: &Spec) -> Result<u64> {
    // A dense layer multiplies by each weight once, and nothing else multiplies.
    Ok(Plan::family(spec, Want::Output)?.multiply_adds)
}

/// f32 elements that drawing weights takes for each thread at work, besides [`Drawn`].
pub fn drawing_len(spec: &Spec) -> u64 {
    match spec.init {
        _ if spec.depth < 2 => 0,
        Init::He | Init::Glorot => 0,
        Init::Orthogonal | Init::LooksLinear => u64::from(spec.features()) * u64::from(spec.width) + spec.panel_len(),
    }
}

/// Weights and biases of every dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// In the order of the layers: weights `[out][in]`, then biases `[out]` of a layer that has them.
    pub parameters: Vec<f32>,
    layers: Vec<Dense>,
}

/// A dense layer with its weights and biases.
pub type Tensors<'a> = (&'a Dense, &'a [f32], &'a [f32]);

/// The same, to be written.
pub type TensorsMut<'a> = (&'a Dense, &'a mut [f32], &'a mut [f32]);

impl Drawn {
    /// Zeros.
    ///
    /// # Errors
    /// As [`Spec::check`]; the system has no memory for them.
    pub fn zeros(spec: &Spec) -> Result<Self> {
        let layers: Vec<Dense> = dense_layers(spec)?.collect();
        let len = layers.iter().map(|dense| (weights(dense) + biases(dense)) as u64).fold(0, u64::saturating_add);
        Ok(Self { parameters: zeros(len)?, layers })
    }

    /// Draws every weight once; layers in parallel, as the current thread pool allows.
    ///
    /// # Errors
    /// As [`Drawn::zeros`]; a thread in another floating-point mode.
    pub fn draw(spec: &Spec, seeded: &Seeded) -> Result<Self> {
        let draw = |(dense, weight, bias): TensorsMut| {
            float_mode::check()?;
            let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
            match seeded.panel_len(dense) {
                1 => seeded.fill::<1>(dense, &block, weight),
                // An orthogonal matrix needs room behind it.
                more => {
                    let mut panel = zeros(block.len() as u64 + more)?;
                    seeded.fill::<1>(dense, &block, &mut panel);
                    weight.copy_from_slice(&panel[..block.len()]);
                }
            }
            (0..).zip(bias).for_each(|(row, bias)| *bias = seeded.bias(dense, row));
            Ok(())
        };
        let mut drawn = Self::zeros(spec)?;
        drawn.layers_mut().into_par_iter().try_for_each(draw).map(|()| drawn)
    }

    /// The layers with their tensors; biases are empty where the layer has none.
    pub fn layers(&self) -> impl Iterator<Item = Tensors<'_>> {
        let mut rest = &self.parameters[..];
        self.layers.iter().map(move |dense| {
            let (weight, behind) = rest.split_at(weights(dense));
            let (bias, behind) = behind.split_at(biases(dense));
            rest = behind;
            (dense, weight, bias)
        })
    }

    /// The same, to be written.
    pub fn layers_mut(&mut self) -> Vec<TensorsMut<'_>> {
        let mut rest = &mut self.parameters[..];
        let cut = |dense| {
            let (weight, behind) = std::mem::take(&mut rest).split_at_mut(weights(dense));
            let (bias, behind) = behind.split_at_mut(biases(dense));
            rest = behind;
            (dense, weight, bias)
        };
        self.layers.iter().map(cut).collect()
    }

    /// Whether any hidden layer has a bias.
    pub fn hidden_bias(&self) -> bool {
        self.layers.iter().any(|dense| dense.role == Role::Hidden && dense.bias)
    }

    /// Whether no parameter is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        all_finite(Isa::detect(), &self.parameters)
    }
}

fn weights(dense: &Dense) -> usize {
    dense.fan_in as usize * dense.fan_out as usize
}

fn biases(dense: &Dense) -> usize {
    if dense.bias { dense.fan_out as usize } else { 0 }
}

/// The name of a dense layer's tensors in files.
pub fn tensor_name(dense: &Dense) -> String {
    match dense.role {
        Role::Stem => "stem".into(),
        Role::Hidden => format!("hidden.{}", dense.layer),
        Role::Readout => "readout".into(),
    }
}

//! Naive f64 networks: the oracle that the kernel is tested against.
//!
//! Written from the equations, not from the kernel: plain loops over `Vec`s, a tree of layers instead of a list, no
//! lanes, no panels, no bit tape. Values are `[point][unit]`.
mod image;
mod layer;
pub mod statistics;

pub use image::{Chosen, Plane, Windows};
pub use layer::{Gradients, Layer, Statistics, Trace};

/// A sequence of layers.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// In the order of the forward pass.
    pub layers: Vec<Layer>,
}

/// What a forward pass gave.
#[derive(Clone, Debug)]
pub struct Pass {
    /// `[point][output]`
    pub outputs: Vec<Vec<f64>>,
    /// What each layer kept.
    pub traces: Vec<Trace>,
}

impl Network {
    /// Evaluates the network; norms take their statistics from these points.
    pub fn forward(&self, inputs: &[Vec<f64>]) -> Pass {
        self.pass(inputs, None)
    }

    /// Evaluates the network with the statistics of another pass held fixed.
    pub fn forward_frozen(&self, inputs: &[Vec<f64>], of: &Pass) -> Pass {
        self.pass(inputs, Some(&of.traces))
    }

    fn pass(&self, inputs: &[Vec<f64>], frozen: Option<&[Trace]>) -> Pass {
        let (outputs, traces) = layer::forward_all(&self.layers, inputs.to_vec(), frozen);
        Pass { outputs, traces }
    }

    /// Gradients of sum_p sum_o `grad_outputs[p][o] * f_o(x_p)`: by input `[point][input]`, and by parameter.
    pub fn backward(
        &self,
        pass: &Pass,
        grad_outputs: &[Vec<f64>],
        statistics: Statistics,
    ) -> (Vec<Vec<f64>>, Vec<Gradients>) {
        layer::backward_all(&self.layers, &pass.traces, grad_outputs.to_vec(), statistics)
    }

    /// The derivative of the outputs along `tangents` `[point][input]`.
    pub fn tangent(&self, pass: &Pass, tangents: &[Vec<f64>], statistics: Statistics) -> Vec<Vec<f64>> {
        layer::tangent_all(&self.layers, &pass.traces, tangents.to_vec(), statistics)
    }
}

impl Pass {
    /// The side of every ReLU for every point; equal gates mean the same linear region.
    pub fn gates(&self) -> Vec<bool> {
        let mut gates = Vec::new();
        layer::gates(&self.traces, &mut gates);
        gates
    }

    /// The sides of the ReLUs for one point.
    pub fn gates_of(&self, point: usize) -> Vec<bool> {
        let mut gates = Vec::new();
        layer::gates_of(&self.traces, point, &mut gates);
        gates
    }

    /// The smallest |preactivation| that any ReLU saw for one point: how far its gates are from turning.
    pub fn margin_of(&self, point: usize) -> f64 {
        layer::margin_of(&self.traces, point)
    }
}

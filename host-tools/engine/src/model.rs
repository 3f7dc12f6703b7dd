use shatterscope::contract::Digest;
use shatterscope::train::{Powers, RateState};
use shatterscope_layers::Layer;

/// What a step changes: all that the next one depends on, besides the spec and the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The operations.
    pub layers: Vec<Layer>,
    /// Weights and biases, layer by layer.
    pub parameters: Vec<f32>,
    /// Means and variances of batch norms.
    pub running: Vec<f32>,
    /// Of the optimiser.
    pub state: Vec<f32>,
    /// Of Adam.
    pub powers: Powers,
    /// Where the learning rate stands.
    pub rate: RateState,
    /// Steps done, over all epochs.
    pub step: u32,
    /// Batches done of the epoch at hand.
    pub batch: u32,
}

impl Model {
    /// The parameters, and the running statistics.
    pub fn weights(&self) -> (&[f32], &[f32]) {
        (&self.parameters, &self.running)
    }

    /// Of the parameters and running statistics, in their order.
    pub fn digest(&self) -> Digest {
        let all: Vec<f32> = self.parameters.iter().chain(&self.running).copied().collect();
        Digest::of(&all)
    }
}

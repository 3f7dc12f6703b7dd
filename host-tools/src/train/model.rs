use crate::Result;
use crate::data::Dataset;
use crate::limits::zeros;
use crate::train::Spec;
use shatterscope::contract::Digest;
use shatterscope::train::{Init, Layer, Powers, RateState};

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
    /// Before the first step.
    ///
    /// # Errors
    /// A network that the data do not fit, or the core refuses.
    pub fn new(spec: &Spec, data: &Dataset) -> Result<Self> {
        let layers = spec.net.layers(data.image, data.classes)?;
        let plan = shatterscope::train::plan(&layers, 1, 1)?;
        let mut parameters = zeros(plan.parameters_len)?;
        let init = Init { start: spec.net.start(), seed: spec.seed, run: spec.run };
        init.fill(&layers, &mut parameters, &mut zeros(init.scratch_len(&layers))?)?;
        // Means of zero, variances of one.
        let mut running = vec![0.0; plan.running_len as usize];
        let mut at = 0;
        for layer in &layers {
            let channels = layer.statistics() as usize;
            running[at + channels..at + 2 * channels].fill(1.0);
            at += 2 * channels;
        }
        let optimiser = spec.settings().optimiser;
        let state = zeros(optimiser.state_len(plan.parameters_len))?;
        let rate = spec.rate()?.start();
        Ok(Self { layers, parameters, running, state, powers: Powers::new(), rate, step: 0, batch: 0 })
    }

    /// Of the parameters and running statistics, in their order.
    pub fn digest(&self) -> Digest {
        let all: Vec<f32> = self.parameters.iter().chain(&self.running).copied().collect();
        Digest::of(&all)
    }
}

use super::Net;
use crate::Result;
use crate::data::{Augment, Dataset, Scaling};
use crate::limits::zeros;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use shatterscope::plan::Want;
use shatterscope::train::{self, Decay, Decrease, InitialWeights, Powers, Settings};
use shatterscope_engine::{Model, Placed};

/// The optimiser's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// w - rate g
    Sgd,
    /// With momentum
    Momentum,
    /// With Nesterov's momentum
    Nesterov,
    /// Adam
    Adam,
}

/// When the learning rate falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Never
    Never,
    /// At the epochs given
    Steps,
    /// When the training loss stops falling
    Plateau,
}

/// All that a training run depends on, besides the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spec {
    /// The network.
    pub net: Net,
    /// What it sees of a byte.
    pub scaling: Scaling,
    /// Largest shift in pixels, both ways.
    pub shift: u32,
    /// Whether every second image is mirrored.
    pub flip: bool,
    /// Key of weights, shuffles, shifts and dropout.
    pub seed: u64,
    /// Of the seed.
    pub run: u32,
    /// Examples of a step.
    pub batch: u32,
    /// Epochs.
    pub epochs: u32,
    /// Optimiser.
    pub optimiser: Optimiser,
    /// Learning rate to begin with.
    #[serde(with = "crate::decimal")]
    pub rate: f32,
    /// Momentum.
    #[serde(with = "crate::decimal")]
    pub momentum: f32,
    /// Of Adam: decay of its mean and of its square.
    #[serde(with = "crate::decimal")]
    pub betas: [f32; 2],
    /// Of Adam: beside the root.
    #[serde(with = "crate::decimal")]
    pub eps: f32,
    /// Weight decay.
    #[serde(with = "crate::decimal")]
    pub decay: f32,
    /// Whether it is taken beside the gradient.
    pub decoupled: bool,
    /// Largest norm of the gradient of all parameters; 0 for any.
    #[serde(with = "crate::decimal")]
    pub clip_norm: f32,
    /// Largest element of the gradient; 0 for any.
    #[serde(with = "crate::decimal")]
    pub clip_value: f32,
    /// Epochs over which the rate grows.
    pub warm_up: u32,
    /// When it falls.
    pub schedule: Schedule,
    /// At which epochs.
    pub steps: Vec<u32>,
    /// To which part of itself.
    #[serde(with = "crate::decimal")]
    pub factor: f32,
    /// Epochs without a better loss that a plateau waits.
    pub patience: u32,
    /// By how much a loss must be better.
    #[serde(with = "crate::decimal")]
    pub threshold: f32,
    /// How often a plateau lowers the rate at most.
    pub drops: u32,
    /// Parameters that keep their values: `I.weight` or `I.bias` of layer I, or `I` for both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// Steps between two looks at the input gradients of a fixed minibatch; 0 for none.
    #[serde(default)]
    pub probe_every: u32,
}

impl Spec {
    /// Steps with Adam as the paper takes them; all else is off.
    pub fn adam(net: Net, batch: u32, epochs: u32, rate: f32) -> Self {
        Self {
            net,
            scaling: Scaling::Standard,
            shift: 0,
            flip: false,
            seed: 1,
            run: 0,
            batch,
            epochs,
            optimiser: Optimiser::Adam,
            rate,
            momentum: 0.0,
            betas: [0.9, 0.999],
            eps: 1e-6,
            decay: 0.0,
            decoupled: false,
            clip_norm: 0.0,
            clip_value: 0.0,
            warm_up: 0,
            schedule: Schedule::Never,
            steps: Vec::new(),
            factor: 0.125,
            patience: 0,
            threshold: 0.0,
            drops: 0,
            freeze: Vec::new(),
            probe_every: 0,
        }
    }

    /// The core's settings of the optimiser.
    pub fn settings(&self) -> Settings {
        let optimiser = match self.optimiser {
            Optimiser::Sgd => train::Optimiser::Sgd,
            Optimiser::Momentum => train::Optimiser::Momentum { mu: self.momentum },
            Optimiser::Nesterov => train::Optimiser::Nesterov { mu: self.momentum },
            Optimiser::Adam => train::Optimiser::Adam { beta1: self.betas[0], beta2: self.betas[1], eps: self.eps },
        };
        let decay = match (self.decay, self.decoupled) {
            (0.0, _) => Decay::None,
            (decay, false) => Decay::L2(decay),
            (decay, true) => Decay::Decoupled(decay),
        };
        Settings::new(optimiser).with_decay(decay)
    }

    /// The core's learning rate.
    ///
    /// # Errors
    /// Wrong use: settings out of their ranges.
    pub fn rate(&self) -> Result<train::Rate> {
        let decrease = match self.schedule {
            Schedule::Never => Decrease::Never,
            Schedule::Steps => Decrease::steps(&self.steps, self.factor)?,
            Schedule::Plateau => Decrease::Plateau {
                factor: self.factor,
                patience: self.patience,
                threshold: self.threshold,
                drops: self.drops,
            },
        };
        let rate = train::Rate { base: self.rate, warm_up: self.warm_up, decrease };
        rate.check()?;
        Ok(rate)
    }

    /// How images are moved.
    pub fn augment(&self) -> Augment {
        Augment { shift: self.shift, flip: self.flip }
    }
}

impl Spec {
    /// The network before its first step.
    ///
    /// # Errors
    /// A network that the data do not fit, or the core refuses.
    pub fn model(&self, data: &Dataset) -> Result<Model> {
        let layers = self.net.layers(data.image, data.classes)?;
        let placed = Placed::of_layers(&layers, Want::Output)?;
        let (plan, graph) = (placed.plan()?, placed.graph()?);
        let mut parameters = zeros(plan.parameters_len)?;
        let init = InitialWeights { start: self.net.start(), seed: self.seed, run: self.run };
        init.fill(&graph, &mut parameters, &mut zeros(init.scratch_len(&graph))?)?;
        // Means of zero, variances of one.
        let mut running = vec![0.0; plan.running_len as usize];
        let mut at = 0;
        for facts in (0..graph.len() as u32).filter_map(|i| graph.facts(i)) {
            let channels = facts.running as usize;
            running[at + channels..at + 2 * channels].fill(1.0);
            at += 2 * channels;
        }
        let optimiser = self.settings().optimiser;
        let state = zeros(optimiser.state_len(plan.parameters_len))?;
        let rate = self.rate()?.start();
        Ok(Model { layers, parameters, running, state, powers: Powers::new(), rate, step: 0, batch: 0 })
    }
}

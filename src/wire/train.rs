use crate::contract::Digest;
use crate::train::{Initializer, RateState, Settings};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// The most bytes of a [`Put`], whatever its numbers; a multiple of 4.
pub const PUT_BYTES: usize = 216;

/// A graph to be trained, from its first step on or from a later one. Its nodes and their slots are put as words; then the same request is
/// sent again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Train {
    /// Number of the training, chosen by the host: another one begins anew, the same one goes on.
    pub session: u32,
    /// Nodes.
    pub nodes: u32,
    /// [`words_digest`](super::words_digest) of the words of the nodes and their slots, three for each node.
    pub digest: u64,
    /// [`training_tag`]: a state in flash belongs to trainings of this tag.
    pub tag: u64,
    /// All else.
    pub with: TrainConfig,
}

/// What training depends on, besides its graph and examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrainConfig {
    /// The most examples of a step.
    pub batch: u32,
    /// What becomes of gradients.
    pub settings: Settings,
    /// How weights are drawn.
    pub start: Initializer,
    /// Key of weights and dropout.
    pub seed: u64,
    /// Run number of the seed.
    pub run: u32,
    /// Steps done before.
    pub step: u32,
    /// Bytes of memory that the whole firmware may use; 0 for all that there is.
    pub ram: u32,
}

/// A training is ready for its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ready {
    /// Steps done.
    pub step: u32,
    /// Parameters.
    pub parameters: u32,
    /// Running statistics of batch norms.
    pub running: u32,
    /// Floats of the optimiser's state.
    pub state: u32,
    /// Bytes of the arena that the training uses.
    pub arena: u32,
    /// Bytes that it could do with.
    pub least: u32,
    /// Of the parameters and running statistics, in their order.
    pub digest: Digest,
}

/// Words of a training, 4 bytes each, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Store {
    /// Inputs of the next step, `[example][unit]`.
    Inputs,
    /// Its labels.
    Labels,
    /// Weights and biases, layer by layer.
    Parameters,
    /// Running means and variances of batch norms.
    Running,
    /// What the optimiser keeps.
    State,
    /// [`Powers`](crate::train::Powers): two floats.
    Powers,
    /// The nodes of a graph, twelve words each, see [`NodeWords`](crate::graph::NodeWords); then the slots of each.
    Nodes,
    /// The outputs of the last forward pass, `[point][unit]`; they cannot be put.
    Outputs,
    /// Multiply-adds between two reports of progress, at most 2^22: one word. At 0, as in the beginning, a pass over a graph reports nothing.
    Report,
}

/// Some words of a store are to be these. No answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Put<'a> {
    /// Number of the training.
    pub session: u32,
    /// Steps done before: after another number of steps this comes too late.
    pub step: u32,
    /// Which store.
    pub store: Store,
    /// Index of the first word.
    pub first: u32,
    /// At most [`PUT_BYTES`].
    pub bytes: &'a [u8],
}

impl Put<'_> {
    /// The first word; 0 where there is none.
    pub fn word(&self) -> u32 {
        self.bytes.first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
    }
}

/// Some words of a store are asked for: `Value`s and `Done`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Get {
    /// Number of the training.
    pub session: u32,
    /// Which store; inputs and labels are not given back.
    pub store: Store,
    /// Index of the first word.
    pub first: u32,
    /// Words.
    pub count: u32,
}

/// One step, on the examples that were put.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StepRequest {
    /// Number of the training.
    pub session: u32,
    /// Steps done before. The step before the next one is not done again: what it came to is said again.
    pub step: u32,
    /// Learning rate.
    pub rate: f32,
    /// Examples.
    pub count: u32,
    /// Digest of their inputs, then their labels.
    pub examples: u64,
}

/// A step as [`StepRequest`] asks for it, on the examples that were put, of which the answer says what came of every node. The training goes on from it
/// as from any step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Trace {
    /// The step.
    pub step: StepRequest,
    /// What is asked for.
    pub what: Traced,
}

/// What is asked for of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Traced {
    /// Hashes, 8 bytes each: of the value of each node; then, from the last node to the first, of its gradient and of its parameters after
    /// the step. 0 for gradients and parameters that there are none of.
    Digests,
    /// What the hash of one of them is of, 4 bytes an element: `[point][unit]`, or the parameters in their order.
    Values {
        /// Of which stage.
        stage: Stage,
        /// Of which node.
        node: u32,
    },
    /// The name of the kernel's instruction set, the first 8 letters, zeros behind; then the ticks of the device's clock that each node took in
    /// the forward pass, the loss, and each node from the last to the first in the backward pass, 8 bytes each. Where the clock cannot be
    /// read in the middle of a step the name is all; an emulator that counts is told of every node.
    Profile,
}

/// A stage of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stage {
    /// Values.
    Forward,
    /// Gradients of values.
    Backward,
    /// Parameters after the step.
    Parameters,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StepResult {
    /// Steps done, this one included.
    pub step: u32,
    /// Mean loss.
    pub loss: f32,
    /// Examples whose class was found.
    pub correct: u32,
    /// Of the parameters and running statistics after the step, in their order.
    pub digest: Digest,
    /// Most bytes of stack ever in use, where the device can say.
    pub stack: Option<u32>,
    /// Ticks of the device's clock that the step took, where it can say.
    pub ticks: Option<u64>,
}

/// The state is to go to the flash of the device, between any two steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Save {
    /// Number of the training.
    pub session: u32,
    /// Steps done.
    pub step: u32,
    /// Batches done of the epoch at hand: the device keeps it for the host.
    pub batch: u32,
    /// Of the learning rate, likewise.
    pub rate: RateState,
}

/// The state is to come back from the flash, before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Restore {
    /// Number of the training.
    pub session: u32,
}

/// A state stands both in flash and in memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Saved {
    /// The number of its save.
    pub sequence: u32,
    /// Steps done.
    pub step: u32,
    /// As it was given.
    pub batch: u32,
    /// As it was given.
    pub rate: RateState,
    /// Of the parameters and running statistics, in their order.
    pub digest: Digest,
}

/// Which training a saved state belongs to: a hash of its layers, as postcard writes them, and of all that it depends on, but for where it
/// stands and how much memory there is.
pub fn training_tag<L: Serialize>(layers: &[L], with: &TrainConfig) -> u64 {
    let digest = layers.iter().fold(Digest::new(), |digest, layer| hashed(digest, layer));
    hashed(digest, &TrainConfig { step: 0, ram: 0, ..*with }).hash
}

fn hashed(digest: Digest, value: &impl Serialize) -> Digest {
    match postcard::serialize_with_flavor(value, Hash(digest)) {
        Ok(digest) => digest,
        // Does not happen: a hash is never full.
        Err(_) => digest,
    }
}

/// A hash of bytes.
struct Hash(Digest);

impl Flavor for Hash {
    type Output = Digest;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push_bytes(&[byte]);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Digest> {
        Ok(self.0)
    }
}

/// The digest of examples: bits of the inputs, `[example][unit]`, then the labels.
pub fn examples_digest(inputs: impl IntoIterator<Item = f32>, labels: impl IntoIterator<Item = u32>) -> u64 {
    let mut digest = Digest::new();
    inputs.into_iter().for_each(|x| digest.push(x));
    labels.into_iter().for_each(|label| digest.push_bytes(&label.to_le_bytes()));
    digest.hash
}

use crate::contract::Digest;
use serde::{Deserialize, Serialize};

/// A graph is to be run in inference. Its nodes and their slots are put as words; then the same request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Load {
    /// Number of the session, chosen by the host: another number begins anew.
    pub session: u32,
    /// Nodes.
    pub nodes: u32,
    /// [`words_digest`] of the words of the nodes and their slots.
    pub digest: u64,
    /// The most points of a batch.
    pub batch: u32,
    /// Bytes of memory that the whole firmware may use; 0 for all that there is.
    pub ram: u32,
}

/// A graph is ready for its parameters and inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Loaded {
    /// Parameters.
    pub parameters: u32,
    /// Running statistics of batch norms.
    pub running: u32,
    /// Units of all inputs of one point.
    pub inputs: u32,
    /// Units of all outputs of one point.
    pub outputs: u32,
    /// f32 elements that the values of a batch take.
    pub values: u32,
    /// Bytes of the arena in use.
    pub arena: u32,
    /// Bytes of the arena with the smallest scratch.
    pub least: u32,
    /// Of the parameters and running statistics, in their order.
    pub digest: Digest,
}

/// A forward pass on the inputs that were put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Predict {
    /// Number of the session.
    pub session: u32,
    /// Points.
    pub count: u32,
    /// [`words_digest`] of the inputs' bits, `[point][unit]`.
    pub inputs: u64,
}

/// The result of a forward pass. The outputs are a store of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Predicted {
    /// Points.
    pub count: u32,
    /// The inputs' digest, as it was asked for.
    pub inputs: u64,
    /// Of the outputs, `[point][unit]`.
    pub digest: Digest,
    /// Most bytes of stack ever in use, where the device can say.
    pub stack: Option<u32>,
    /// Ticks of the device's clock that the forward pass took, where it can say.
    pub ticks: Option<u64>,
}

/// A hash of words, little-endian.
pub fn words_digest(words: impl IntoIterator<Item = u32>) -> u64 {
    let mut digest = Digest::new();
    words.into_iter().for_each(|word| digest.push_bytes(&word.to_le_bytes()));
    digest.hash
}

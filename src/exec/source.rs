use crate::network::Seeded;

/// The source of a graph's parameters.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source<'a> {
    /// Parameters in memory or flash, in the order of the nodes: weights, then biases of each.
    Stored(&'a [f32]),
    /// Weights that are drawn when they are needed, determined by the seed and the node's address; only for dense layers.
    Seeded(&'a Seeded),
}

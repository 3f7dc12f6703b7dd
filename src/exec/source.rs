use crate::network::Seeded;

/// Where the parameters of a graph come from.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source<'a> {
    /// From memory or flash, in the order of the nodes: weights, then biases of each.
    Stored(&'a [f32]),
    /// Drawn where they are needed, of dense layers alone: weights of the nodes' addresses.
    Seeded(&'a Seeded),
}

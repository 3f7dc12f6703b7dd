use crate::error::{Error, Refusal};
use crate::plan::Plan;
use crate::weights::Seeded;

/// The source of a graph's parameters.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source<'a> {
    /// Parameters in memory or flash, in the order of the nodes: weights, then biases of each.
    Stored(&'a [f32]),
    /// Weights that are drawn when they are needed, determined by the seed and the node's address; only for dense layers.
    Seeded(&'a Seeded),
}

impl Source<'_> {
    /// The least f32 elements of a panel of weights, in [`Buffers::scratch`](super::Buffers).
    ///
    /// # Errors
    /// [`Error::Node`] with [`Refusal::Operation`] if weights are to be drawn for an operation that is not dense.
    pub fn panel_len(&self, plan: &Plan) -> Result<u64, Error> {
        let Source::Seeded(seeded) = self else { return Ok(plan.scratch_len) };
        let graph = plan.graph();
        let mut need = 1;
        for i in graph.distinct() {
            match seeded.dense_of(graph, i) {
                Some(dense) => need = need.max(seeded.panel_len(&dense)),
                None if graph.facts(i).is_none_or(|facts| facts.parameters_len() > 0) => {
                    return Err(Error::Node { node: i, refusal: Refusal::Operation });
                }
                None => {}
            }
        }
        Ok(need)
    }
}

use crate::error::{Error, InvalidSpec};
use crate::graph::{Facts, Graph};
use crate::plan::Plan;
use crate::weights::Seeded;

/// The source of a graph's parameters.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source<'a> {
    /// Parameters in memory or flash, in the order of the nodes: weights, then biases of each.
    Stored(&'a [f32]),
    /// Weights that are drawn when they are needed, determined by the seed and the node's address. Parameters of other operations than dense
    /// layers and convolutions are what training starts from.
    Seeded(&'a Seeded),
}

impl Source<'_> {
    /// The least f32 elements of a panel of weights, in [`Buffers::scratch`](super::Buffers), with the parameters that are not drawn.
    ///
    /// # Errors
    /// [`Error::InvalidNode`] with [`InvalidSpec::LooksLinear`] if looks-linear weights are to be drawn for a window of several taps or for an
    /// operand of several places a channel: the columns of a pair are not adjacent there.
    pub fn panel_len(&self, plan: &Plan) -> Result<u64, Error> {
        let Source::Seeded(seeded) = self else { return Ok(plan.scratch_len) };
        let graph = plan.graph();
        let mut need = 1;
        for i in graph.distinct() {
            let Some(dense) = seeded.dense_of(graph, i) else { continue };
            if seeded.parts_pairs(graph, i, &dense) {
                return Err(Error::InvalidNode { node: i, reason: InvalidSpec::LooksLinear });
            }
            if cfg!(feature = "models") && graph.node(i).is_some_and(|node| node.op.is_grouped_conv()) {
                need = need.max(seeded.grouped_conv_panel_len(&dense));
                continue;
            }
            let window = graph.node(i).is_some_and(|node| node.op.conv().is_some());
            need = need.max(if window { seeded.conv_panel_len(&dense) } else { seeded.panel_len(&dense) });
        }
        Ok(constants(graph, seeded).fold(need, |need, (facts, _)| need.saturating_add(facts.parameters_len())))
    }

    /// Divides scratch in the parameters that are not drawn, which it writes, and the rest.
    pub(super) fn constants<'s>(&self, plan: &Plan, scratch: &'s mut [f32]) -> (&'s [f32], &'s mut [f32]) {
        let (graph, mut len) = (plan.graph(), 0usize);
        // Families have none.
        let (Source::Seeded(seeded), None) = (self, graph.spec()) else { return (&[], scratch) };
        for (facts, _) in constants(graph, seeded) {
            let [starting, zeros] = facts.parameters.map(|len| len as usize);
            let rest = invariant!(scratch.get_mut(len..));
            invariant!(rest.get_mut(..starting)).fill(facts.start);
            invariant!(rest.get_mut(starting..starting.wrapping_add(zeros))).fill(0.0);
            len = len.wrapping_add(starting).wrapping_add(zeros);
        }
        let (constants, rest) = invariant!(scratch.split_at_mut_checked(len));
        (constants, rest)
    }
}

/// The nodes with parameters that are not drawn. Identical blocks have none.
fn constants<'g>(graph: &'g Graph<'_>, seeded: &'g Seeded) -> impl Iterator<Item = (Facts, u32)> + 'g {
    let all = graph.distinct().filter_map(|i| Some((graph.facts(i)?, i)));
    all.filter(|(facts, i)| facts.parameters_len() > 0 && seeded.dense_of(graph, *i).is_none())
}

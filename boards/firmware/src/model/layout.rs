use crate::arena::Short;
use crate::training_tile;
use shatterscope::graph::NODE_WORDS;
use shatterscope::plan::Plan;
use shatterscope::{Error, InvalidSpec};

/// How the arena is divided for inference, in words of 4 bytes, in the order in which the pieces lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelLayout {
    /// The nodes of the graph.
    pub nodes: u32,
    /// The slots of their values.
    pub slots: u32,
    /// Weights and biases.
    pub parameters: u32,
    /// Running statistics.
    pub running: u32,
    /// The values of a batch; inputs and outputs are among them.
    pub values: u32,
    /// Packed weights of convolutions: what is left, up to what is of use.
    pub scratch: u32,
    /// All of it with the smallest scratch.
    pub least: u32,
}

/// The layout of a graph in an arena of `words`, as [`training_words`](crate::training_words) has limited it.
///
/// # Errors
/// [`Error`] of a batch that cannot be counted; [`Short`] of the layout.
pub fn model_layout(
    plan: &Plan,
    nodes: usize,
    batch: u32,
    tile: u32,
    words: u64,
) -> Result<Result<ModelLayout, Short>, Error> {
    let values = plan.values_len(batch, training_tile(batch, tile)).ok_or(Error::InvalidSpec(InvalidSpec::TooLarge))?;
    let nodes = nodes as u64;
    let kept = [nodes.saturating_mul(NODE_WORDS as u64), nodes, plan.parameters_len, plan.running_len, values];
    let least = kept.iter().fold(plan.scratch_len, |sum, words| sum.saturating_add(*words));
    let short = Short { need: least.saturating_mul(4), have: words.saturating_mul(4) };
    let (Some(left), Ok(least)) = (words.checked_sub(least), u32::try_from(least)) else { return Ok(Err(short)) };
    let scratch = plan.scratch_best.max(plan.scratch_len).min(plan.scratch_len.saturating_add(left)) as u32;
    let [nodes, slots, parameters, running, values] = kept.map(|words| words as u32);
    Ok(Ok(ModelLayout { nodes, slots, parameters, running, values, scratch, least }))
}

/// The pieces of the arena.
pub(super) struct Pieces<'a> {
    pub nodes: &'a mut [u32],
    pub slots: &'a mut [u32],
    pub parameters: &'a mut [f32],
    pub running: &'a mut [f32],
    pub values: &'a mut [f32],
    pub scratch: &'a mut [f32],
}

impl ModelLayout {
    /// All of it.
    pub fn words(&self) -> u32 {
        self.nodes + self.slots + self.parameters + self.running + self.values + self.scratch
    }

    /// The pieces of the arena; empty ones where it is too short.
    pub(super) fn divide<'a>(&self, arena: &'a mut [f32]) -> Pieces<'a> {
        let mut rest = arena;
        let mut take = |words: u32| {
            let (first, after) = core::mem::take(&mut rest).split_at_mut_checked(words as usize).unwrap_or_default();
            rest = after;
            first
        };
        Pieces {
            nodes: bytemuck::cast_slice_mut(take(self.nodes)),
            slots: bytemuck::cast_slice_mut(take(self.slots)),
            parameters: take(self.parameters),
            running: take(self.running),
            values: take(self.values),
            scratch: take(self.scratch),
        }
    }
}

//! A graph in the words that a host has put at the beginning of the arena.
use crate::train::Refused;
use shatterscope::graph::{Graph, NODE_WORDS};
use shatterscope::plan::{Plan, Want};
use shatterscope::wire::{Why, words_digest};

/// The most nodes of a graph on a device: verifying slots with gradients takes time that grows with the square of their number, and a hostile
/// host must not keep a device busy.
const MOST_NODES: u32 = 1024;

/// The words of so many nodes, then those of their slots.
#[derive(Clone, Copy)]
pub(crate) struct Nodes {
    pub count: u32,
    pub digest: u64,
    pub want: Want,
}

impl Nodes {
    /// Words of the nodes and slots.
    pub fn words(&self) -> usize {
        (self.count as usize).saturating_mul(NODE_WORDS.saturating_add(self.want.slots()))
    }

    /// Takes words from the `first` on.
    pub fn put(&self, arena: &mut [f32], first: usize, words: impl Iterator<Item = u32>) {
        let nodes: &mut [u32] = bytemuck::cast_slice_mut(arena.get_mut(..self.words()).unwrap_or_default());
        nodes.get_mut(first..).unwrap_or_default().iter_mut().zip(words).for_each(|(to, word)| *to = word);
    }

    /// The graph with its slots, if all has arrived; every node and slot is checked.
    // Where it is called: small stacks hold one plan.
    #[inline(always)]
    pub fn plan<'a>(&self, arena: &'a [f32]) -> Result<Plan<'a>, Refused> {
        if self.count > MOST_NODES {
            return Err(Refused::Why(Why::Layers, self.count.into(), MOST_NODES.into()));
        }
        let have = arena.len() as u64;
        let Some(words) = arena.get(..self.words()) else {
            return Err(Refused::Why(Why::Memory, 4 * self.words() as u64, 4 * have));
        };
        let words: &[u32] = bytemuck::cast_slice(words);
        if words_digest(words.iter().copied()) != self.digest {
            return Err(Refused::Why(Why::Nodes, 0, 0));
        }
        let slots = words.get(self.node_words()..).unwrap_or_default();
        Ok(Plan::new(&self.of_words(words)?, self.want, slots)?)
    }

    /// The graph alone, of nodes that were checked when they came.
    pub fn graph<'a>(&self, arena: &'a [f32]) -> Result<Graph<'a>, Refused> {
        self.of_words(bytemuck::cast_slice(arena))
    }

    fn of_words<'a>(&self, words: &'a [u32]) -> Result<Graph<'a>, Refused> {
        let nodes = words.get(..self.node_words()).unwrap_or_default();
        Ok(Graph::from_words(nodes.as_chunks::<NODE_WORDS>().0)?)
    }

    fn node_words(&self) -> usize {
        (self.count as usize).saturating_mul(NODE_WORDS)
    }
}

//! What each node of a run takes, each way.
use super::counter::{Counts, Mark};
use crate::Failure;
use crate::text::visible;
use shatterscope::Pass;
use shatterscope::graph::{Graph, Node};
use std::ops::AddAssign;

/// What was measured: counts under an emulator, ticks on a chip; the other is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Counts.
    pub counts: Counts,
    /// Ticks of the device's clock.
    pub ticks: u64,
    /// By the plan, not measured; 0 where that does not say them for each node.
    pub multiply_adds: u64,
}

impl Spent {
    /// What is compared: ticks where there are some, otherwise instructions.
    pub fn work(&self) -> u64 {
        if self.ticks > 0 { self.ticks } else { self.counts.instructions }
    }

    /// What is left of it without the other.
    pub fn less(&self, other: &Spent) -> Spent {
        let less = |this: u64, other: u64| this.saturating_sub(other);
        let (a, b) = (self.counts, other.counts);
        let counts = Counts {
            instructions: less(a.instructions, b.instructions),
            loads: less(a.loads, b.loads),
            stores: less(a.stores, b.stores),
            lowest: 0,
            cycles: less(a.cycles, b.cycles),
        };
        let multiply_adds = less(self.multiply_adds, other.multiply_adds);
        Spent { counts, ticks: less(self.ticks, other.ticks), multiply_adds }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.counts = self.counts.plus(other.counts);
        self.ticks = self.ticks.saturating_add(other.ticks);
        self.multiply_adds = self.multiply_adds.saturating_add(other.multiply_adds);
    }
}

impl std::iter::Sum for Spent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sum = Self::default();
        all.for_each(|one| sum += one);
        sum
    }
}

/// A run, node by node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Of each node: forward, backward. What loads and stores points counts to the node after it; an input takes nothing.
    pub operations: Vec<[Spent; 2]>,
    /// All of it, from the first point loaded to the end.
    pub total: Spent,
    /// Blocks of points that went through nodes.
    pub marks: u64,
    /// The instruction set of the device's kernel.
    pub kernel: String,
}

impl Profile {
    /// Nothing measured yet.
    pub(crate) fn of(nodes: usize) -> Self {
        let operations = vec![[Spent::default(); 2]; nodes];
        Self { operations, total: Spent::default(), marks: 0, kernel: String::new() }
    }

    /// Takes what an emulator counted.
    pub(crate) fn count(&mut self, total: Counts, marks: &[Mark]) {
        self.total.counts = total;
        for mark in marks {
            self.marks += mark.times;
            if let Some(node) = self.operations.get_mut((mark.number >> 1) as usize) {
                node[(mark.number & 1) as usize] += Spent { counts: mark.counts, ..Spent::default() };
            }
        }
    }

    /// Takes the elements of one answer: the kernel's name, then ticks from node `first` on.
    pub(super) fn clock(&mut self, first: u32, elements: &[u64]) {
        let Some((name, ticks)) = elements.split_first() else { return };
        let letters = name.to_le_bytes().into_iter().take_while(|&letter| letter != 0);
        self.kernel = visible(&letters.map(char::from).collect::<String>());
        let nodes = self.operations.iter_mut().skip(first as usize);
        for (node, ticks) in nodes.zip(ticks.as_chunks::<2>().0) {
            for (spent, &ticks) in node.iter_mut().zip(ticks) {
                spent.ticks = spent.ticks.saturating_add(ticks);
            }
        }
    }

    /// Reads the elements of a step: the kernel's name and, from a device with a clock, the ticks of the forward pass after the input, of the loss,
    /// and of the backward pass from the last node to node `first`.
    pub(crate) fn of_step(&mut self, first: u32, elements: &[u64]) {
        self.clock(0, elements.get(..1).unwrap_or_default());
        let nodes = self.operations.len().saturating_sub(1);
        let forward = (1..=nodes).map(|node| (node, 0));
        let backward = (first as usize..nodes).rev().map(|node| (node, 1));
        for ((node, pass), &ticks) in forward.chain(backward).zip(elements.iter().skip(1)) {
            self.operations[node][pass].ticks = ticks;
        }
    }

    /// One way of one node.
    pub fn spent(&self, node: u32, pass: Pass) -> Spent {
        let both = self.operations.get(node as usize).copied().unwrap_or_default();
        both[usize::from(pass == Pass::Backward)]
    }

    /// What is in no node: storing the last gradient.
    pub fn rest(&self) -> Spent {
        self.total.less(&self.operations.iter().flatten().copied().sum())
    }
}

/// Nodes that belong together: their name and what they took, each way. Inputs compute nothing and belong to none.
pub fn grouped<K: PartialEq, S: Copy + Default + AddAssign>(
    graph: &Graph,
    nodes: &[[S; 2]],
    key: impl Fn(&Node) -> K,
) -> Vec<(K, [S; 2])> {
    let known = (0..).zip(nodes).filter_map(|(i, spent)| Some((graph.node(i)?, *spent)));
    summed(known.filter(|(node, _)| !node.is_input()).map(|(node, spent)| (key(&node), spent)))
}

/// The sums of those that have the same name.
pub fn summed<K: PartialEq, S: Copy + Default + AddAssign>(
    operations: impl Iterator<Item = (K, [S; 2])>,
) -> Vec<(K, [S; 2])> {
    let mut groups: Vec<(K, [S; 2])> = Vec::new();
    for (key, spent) in operations {
        let at = groups.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            groups.push((key, [S::default(); 2]));
            groups.len() - 1
        });
        groups[at].1.iter_mut().zip(spent).for_each(|(sum, one)| *sum += one);
    }
    groups
}

/// The failure of a device without a clock.
pub(crate) fn no_clock(name: &str) -> Failure {
    Failure::failed(format!("{name} has no clock to profile with; emulated boards, qemu:NAME, count"))
}

/// The failure of a device whose clock is of no use for a profile.
pub(crate) fn no_mark(name: &str) -> Failure {
    Failure::failed(format!("the clock of {name} cannot be read in the middle of a run"))
}

use super::{Plan, RunOptions, Schedule, Statistics};
use crate::error::Pass;
use crate::graph::Graph;

/// The purpose of a pass over the points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sweep {
    /// Computes the means of a norm.
    Means,
    /// Computes the variances of a norm.
    Variances,
    /// Computes the means of the gradient or tangent at a norm.
    Derivative,
    /// Computes the outputs and their derivative.
    Results,
    /// The run is complete.
    Done,
}

/// The next operation of a run and the points it works on. It depends on the graph and the options only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cursor {
    /// The purpose of the current pass.
    pub sweep: Sweep,
    /// The norm whose statistics are computed.
    pub norm: u32,
    /// First resident point.
    pub first: u32,
    /// Whether the backward pass has begun.
    pub backward: bool,
    /// The node.
    pub node: u32,
}

/// What follows an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Due {
    /// The next operation.
    Operation,
    /// The outputs are complete: the backward pass begins.
    Turn,
    /// The resident points are complete.
    Block,
}

impl Cursor {
    /// The first operation of a run.
    pub fn start(plan: &Plan, options: &RunOptions) -> Self {
        let mut cursor = Self { sweep: Sweep::Results, norm: 0, first: 0, backward: false, node: 0 };
        if options.schedule != Schedule::WholeBatch
            && let Some(norm) = first_norm(plan.graph())
        {
            (cursor.sweep, cursor.norm) = (Sweep::Means, norm);
        }
        cursor.restart(plan, cursor.begin(options));
        cursor
    }

    /// First point of a sweep: sweeps for statistics visit the whole batch, the last one only the wanted points.
    fn begin(&self, options: &RunOptions) -> u32 {
        if self.is_sliced(options) { options.first } else { 0 }
    }

    /// One past the last point of the current sweep.
    pub fn end(&self, options: &RunOptions) -> u32 {
        if self.is_sliced(options) { options.first.saturating_add(options.count) } else { options.points }
    }

    fn is_sliced(&self, options: &RunOptions) -> bool {
        self.sweep == Sweep::Results && options.schedule != Schedule::WholeBatch
    }

    /// Moves to the first operation on the points from `first` on.
    pub fn restart(&mut self, plan: &Plan, first: u32) {
        (self.first, self.backward, self.node) = (first, false, plan.inputs());
    }

    /// The direction.
    pub fn pass(&self) -> Pass {
        if self.backward { Pass::Backward } else { Pass::Forward }
    }

    /// Whether the current operation is a norm that only adds to its sums.
    pub fn is_summed(&self, plan: &Plan) -> bool {
        self.node == self.norm
            && match self.sweep {
                Sweep::Means | Sweep::Variances => true,
                Sweep::Derivative => self.backward || !plan.want().backward(),
                Sweep::Results | Sweep::Done => false,
            }
    }

    /// Moves to what follows the current operation.
    pub fn advance(&mut self, plan: &Plan) -> Due {
        if self.is_summed(plan) || (self.backward && self.node == plan.inputs()) {
            return Due::Block;
        }
        if self.backward {
            self.node = self.node.saturating_sub(1);
            return Due::Operation;
        }
        if (self.node as usize).saturating_add(1) < plan.graph().len() {
            self.node = self.node.saturating_add(1);
            return Due::Operation;
        }
        self.backward = plan.want().backward();
        if self.backward { Due::Turn } else { Due::Block }
    }

    /// Moves to the next sweep. Norms are visited in ascending order, first for the means, then for the variances; for gradients, sweeps in
    /// descending order follow; for tangents, a sweep for each norm follows that of its variances.
    pub fn next_sweep(&mut self, plan: &Plan, options: &RunOptions) {
        let full = options.statistics == Statistics::Full;
        let graph = plan.graph();
        let reverse = plan.want().backward();
        let batch = || graph.at(self.norm as usize).op.norm().is_some_and(|norm| norm.eps.is_some());
        match self.sweep {
            Sweep::Means if batch() => self.sweep = Sweep::Variances,
            Sweep::Means | Sweep::Variances if full && !reverse => self.sweep = Sweep::Derivative,
            Sweep::Means | Sweep::Variances => {
                self.next_norm(graph, if full { Sweep::Derivative } else { Sweep::Results })
            }
            Sweep::Derivative if !reverse => self.next_norm(graph, Sweep::Results),
            Sweep::Derivative => match (0..self.norm).rev().find(|i| is_norm(graph, *i)) {
                Some(norm) => self.norm = norm,
                None => self.sweep = Sweep::Results,
            },
            Sweep::Results | Sweep::Done => self.sweep = Sweep::Done,
        }
        self.restart(plan, self.begin(options));
    }

    /// Moves to the means of the next norm, or to `after` if there is none.
    fn next_norm(&mut self, graph: &Graph, after: Sweep) {
        match (self.norm.saturating_add(1)..graph.len() as u32).find(|i| is_norm(graph, *i)) {
            Some(norm) => (self.sweep, self.norm) = (Sweep::Means, norm),
            None => self.sweep = after,
        }
    }
}

fn is_norm(graph: &Graph, i: u32) -> bool {
    graph.at(i as usize).op.norm().is_some()
}

/// The first norm. Of identical blocks only the first is searched.
fn first_norm(graph: &Graph) -> Option<u32> {
    let mut i = 0;
    while i < graph.len() {
        if is_norm(graph, i as u32) {
            return Some(i as u32);
        }
        i = graph.next_kind(i).0;
    }
    None
}

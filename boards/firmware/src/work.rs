use shatterscope::Pass;
use shatterscope::graph::Graph;
use shatterscope::plan::Plan;

/// The multiply-adds of a pass over a graph: what a device reports as its progress, and what a host holds that to.
///
/// The forward pass has those of its nodes. A node whose parameters learn has as many again for their gradients, and one more time as many for the
/// gradient of its operand, if that is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// All of them.
    pub total: u64,
    /// Points.
    count: u32,
    /// The first node whose value has a gradient.
    first: u32,
}

impl Work {
    /// Of a batch of `count` points. Under a plan for outputs there is no backward pass.
    // Out of line: a small stack does not hold it during the pass.
    #[inline(never)]
    pub fn of(plan: &Plan, count: u32) -> Self {
        let graph = plan.graph();
        let nodes = graph.len() as u32;
        let learns = |&node: &u32| graph.learns(node);
        let first = if plan.want().backward() { (0..nodes).find(learns).unwrap_or(nodes) } else { nodes };
        let mut work = Self { total: 0, count, first };
        for node in 0..nodes {
            let both =
                work.of_node(graph, Pass::Forward, node).saturating_add(work.of_node(graph, Pass::Backward, node));
            work.total = work.total.saturating_add(both);
        }
        work
    }

    /// The first node that a backward pass reaches; the number of nodes where there is none.
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// The same for one direction of a node.
    pub fn of_node(&self, graph: &Graph, pass: Pass, node: u32) -> u64 {
        let Some((facts, at)) = graph.facts(node).zip(graph.node(node)) else { return 0 };
        let gradients = u64::from(graph.learns(node)) + u64::from(at.x >= self.first);
        let times = match pass {
            Pass::Forward => 1,
            Pass::Backward if node < self.first => 0,
            Pass::Backward => gradients,
        };
        facts.multiply_adds.saturating_mul(self.count.into()).saturating_mul(times)
    }
}

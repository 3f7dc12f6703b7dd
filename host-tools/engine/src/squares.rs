//! The sum of the squares of a gradient, in one order.
use shatterscope::graph::Graph;

const LANES: usize = 16;

/// Adds the squares of a gradient that arrives part by part: nodes from the last to the first, the parameters of each ascending.
///
/// # Numerics
/// Binary64. Parameter i of a node is added to lane i mod 16 of that node; the lanes are folded as RED16 folds its own, and the nodes'
/// sums are added as they arrive. However a node is cut into parts, and on however many threads, the sum has the same bits.
pub(super) struct Squares {
    /// Where the parameters of each node begin, ascending.
    starts: Vec<usize>,
    start: usize,
    lanes: [f64; LANES],
    sum: f64,
}

impl Squares {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for facts in (0..graph.len() as u32).filter_map(|i| graph.facts(i)) {
            let len = facts.parameters_len() as usize;
            if len > 0 {
                end += len;
                starts.push(end);
            }
        }
        Self { starts, start: usize::MAX, lanes: [0.0; LANES], sum: 0.0 }
    }

    /// Adds a part, the first of which is parameter `at` of all.
    pub(super) fn add(&mut self, at: usize, gradient: &[f32]) {
        // The weights of a node may be frozen, so that its first part is not the first of its parameters.
        let start = self.starts[self.starts.partition_point(|start| *start <= at).saturating_sub(1)];
        if start != self.start {
            self.fold();
            self.start = start;
        }
        let lane = (at - self.start) % LANES;
        let (head, rest) = gradient.split_at(((LANES - lane) % LANES).min(gradient.len()));
        self.lanes[lane..].iter_mut().zip(head).for_each(add);
        for terms in rest.chunks(LANES) {
            self.lanes.iter_mut().zip(terms).for_each(add);
        }
    }

    /// Adds a whole gradient.
    pub(super) fn add_all(&mut self, gradient: &[f32]) {
        for i in (1..self.starts.len()).rev() {
            let own = self.starts[i - 1]..self.starts[i];
            self.add(own.start, &gradient[own]);
        }
    }

    /// The root of the sum.
    pub(super) fn norm(mut self) -> f64 {
        self.fold();
        self.sum.sqrt()
    }

    fn fold(&mut self) {
        let mut lanes = std::mem::take(&mut self.lanes);
        let mut half = LANES / 2;
        while half > 0 {
            let (low, high) = lanes.split_at_mut(half);
            low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
            half /= 2;
        }
        self.sum += lanes[0];
    }
}

fn add((lane, g): (&mut f64, &f32)) {
    *lane += f64::from(*g) * f64::from(*g);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shatterscope::graph::{Builder, Node, Shape};

    #[test]
    fn parts_and_wholes_give_the_same_bits() {
        let mut nodes = [Node::EMPTY; 5];
        let mut builder = Builder::new(&mut nodes);
        let x = builder.input(Shape::vector(7));
        let x = builder.dense(x, 5, true);
        let x = builder.relu(x);
        let x = builder.dense(x, 9, true);
        let x = builder.dense(x, 3, true);
        let graph = builder.finish(&[x]).unwrap();
        let gradient: Vec<f32> = (0..124u32).map(|i| (i.wrapping_mul(2_654_435_769) >> 8) as f32 * 1e-3).collect();
        let starts = [0, 40, 94, 124];
        let mut whole = Squares::new(&graph);
        assert_eq!(whole.starts, starts);
        whole.add_all(&gradient);
        let whole = whole.norm();
        for part in [1, 3, 16, 17, 100] {
            let mut parts = Squares::new(&graph);
            for ends in starts.windows(2).rev() {
                for first in (ends[0]..ends[1]).step_by(part) {
                    parts.add(first, &gradient[first..ends[1].min(first + part)]);
                }
            }
            assert_eq!(parts.norm().to_bits(), whole.to_bits(), "parts of {part}");
        }
        let plain = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        assert!((whole / plain - 1.0).abs() < 1e-14);
    }
}

//! Nodes that nothing needs.
use super::Lower;
use shatterscope::graph::{Node, Op};
use shatterscope_import::ValueId;
use std::mem::take;

impl Lower<'_> {
    /// Removes the nodes that no output depends on: views of values that all operations have seen in other shapes.
    pub(super) fn prune(&mut self, outputs: &[ValueId]) {
        let mut needed: Vec<bool> = self.built.nodes.iter().map(|node| node.op.is_input()).collect();
        outputs.iter().filter_map(|&output| self.nodes_of[output]).for_each(|node| needed[node as usize] = true);
        for (i, node) in self.built.nodes.iter().enumerate().rev() {
            // The operand of a constant is not used.
            if needed[i] && !node.op.is_input() && !matches!(node.op, Op::Constant { .. }) {
                (needed[node.x as usize], needed[node.y as usize]) = (true, true);
            }
        }
        if needed.iter().all(|needed| *needed) {
            return;
        }
        let (nodes, names, kinds) =
            (take(&mut self.built.nodes), take(&mut self.built.names), take(&mut self.built.kinds));
        let (parameters, running) = (take(&mut self.built.parameters), take(&mut self.built.running));
        let (mut parameters, mut running) = (&parameters[..], &running[..]);
        let mut now = vec![0; nodes.len()];
        let each = nodes.into_iter().zip(names).zip(kinds).zip(&self.built.lengths).enumerate();
        for (i, (((node, name), kind), [of_parameters, of_running])) in each {
            let (own, rest) = parameters.split_at(*of_parameters);
            let (statistics, others) = running.split_at(*of_running);
            (parameters, running) = (rest, others);
            if !needed[i] {
                continue;
            }
            let address = self.built.nodes.len() as u32;
            now[i] = address;
            let (x, y) = match node.op {
                // Inputs are before all other nodes.
                Op::Constant { .. } => (address - 1, address - 1),
                _ => (now[node.x as usize], now[node.y as usize]),
            };
            self.built.nodes.push(Node { x, y, address, ..node });
            self.built.names.push(name);
            self.built.kinds.push(kind);
            self.built.parameters.extend_from_slice(own);
            self.built.running.extend_from_slice(statistics);
        }
        for node in self.nodes_of.iter_mut().flatten() {
            *node = now[*node as usize];
        }
    }
}

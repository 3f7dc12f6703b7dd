//! The part of a graph that one of its values is computed by.
use crate::{Model, Placed, Result};
use shatterscope::graph::Node;

impl Placed {
    /// The graph whose output is node k of this one, without the nodes that its value does not depend on, under the names that they have here; and
    /// the parameters and running statistics of what is left of a model. It has no layers, for a part of a list of layers can be no list.
    ///
    /// # Errors
    /// A node that does not exist; no memory.
    pub fn part(&self, node: u32, model: &Model) -> Result<(Self, Model)> {
        let graph = self.graph()?;
        let mut needed = vec![false; self.nodes.len()];
        if let Some(last) = needed.get_mut(node as usize) {
            *last = true;
        }
        // Operands come before what uses them.
        for (i, of) in self.nodes.iter().enumerate().rev() {
            if needed[i] && !of.is_input() {
                (needed[of.x as usize], needed[of.y as usize]) = (true, true);
            }
        }
        let kept: Vec<u32> = (0..).zip(&needed).filter(|(_, needed)| **needed).map(|(i, _)| i).collect();
        let at = |old: u32| kept.partition_point(|&kept| kept < old) as u32;
        let mut nodes: Vec<Node> = kept.iter().map(|&i| self.nodes[i as usize]).collect();
        let len = nodes.len() as u32;
        for i in 0..nodes.len() {
            let Node { x, y, .. } = nodes[i];
            if !nodes[i].is_input() {
                let operands = (at(x), at(y));
                (nodes[i].x, nodes[i].y) = operands;
                // Ascending, so that the last use stays.
                (nodes[operands.0 as usize].last_use, nodes[operands.1 as usize].last_use) = (i as u32, i as u32);
            }
        }
        if let Some(last) = nodes.last_mut() {
            last.last_use = len;
        }
        let (mut parameters, mut running) = (Vec::new(), Vec::new());
        let mut begins = (0, 0);
        for (i, facts) in (0..graph.len() as u32).filter_map(|i| Some((i as usize, graph.facts(i)?))) {
            let ends = (begins.0 + facts.parameters_len() as usize, begins.1 + 2 * facts.running as usize);
            if needed[i] {
                parameters.extend_from_slice(&model.parameters[begins.0..ends.0]);
                running.extend_from_slice(&model.running[begins.1..ends.1]);
            }
            begins = ends;
        }
        let part = Self::of_nodes(nodes, self.want())?.with_names(self.names().only(&kept))?;
        let Model { powers, rate, step, batch, .. } = *model;
        Ok((part, Model { layers: Vec::new(), parameters, running, state: Vec::new(), powers, rate, step, batch }))
    }
}

use crate::text::visible;
use crate::{Failure, Result};
use shatterscope::graph::{Node, Op};
use shatterscope_layers::Layer;
use std::collections::HashSet;

/// The names of a graph's nodes: unique, and none of them empty. An input or output of the graph has the name of its node.
///
/// A node of layer I, counted from 0, is `I.conv`, `I.relu` or another [`Op::name`], as the layer's tensors are `I.weight` and `I.bias`. The input
/// is `input`; of several the first is `input.0`. Names that a file gives its nodes can be anything, so they are only shown by [`Names::shown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// The names of nodes that have none of their own, by their addresses, which count layers from 1. A node of no layer has the name of its
    /// operation. If a name occurs again, its later occurrences end in `.1`, `.2` and so on.
    pub fn of(nodes: &[Node]) -> Self {
        let inputs = nodes.iter().take_while(|node| node.is_input()).count();
        let mut times = std::collections::HashMap::new();
        let name = |(i, node): (usize, &Node)| {
            if node.is_input() {
                return if inputs == 1 { node.op.name().to_owned() } else { format!("{}.{i}", node.op.name()) };
            }
            let name = match node.address.checked_sub(1) {
                Some(layer) => format!("{layer}.{}", node.op.name()),
                None => node.op.name().to_owned(),
            };
            let before = times.entry(name.clone()).and_modify(|times| *times += 1).or_insert(0);
            if *before == 0 { name } else { format!("{name}.{before}") }
        };
        Self(nodes.iter().enumerate().map(name).collect())
    }

    /// The names that a file gives its nodes, in the order of the nodes.
    ///
    /// # Errors
    /// A name that is empty, or that two nodes have.
    pub fn given(names: Vec<String>) -> Result<Self> {
        let mut seen = HashSet::new();
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(Failure::failed(format!(
                    "node {i}, counted from 0, has an empty name: every node needs one"
                )));
            }
            if !seen.insert(name) {
                let name = visible(name);
                return Err(Failure::failed(format!("two nodes have the name {name}: names must be unique")));
            }
        }
        Ok(Self(names))
    }

    /// The names of the nodes that [`to_graph`](shatterscope_layers::to_graph) made of layers until it refused the next one, and the name of that
    /// one.
    pub(crate) fn until(layers: &[Layer], made: &[Node]) -> Self {
        let mut names = Self::of(made);
        let Some(last) = made.last() else { return Self(vec!["input".to_owned()]) };
        // A reshape or a shortcut comes before the operation of its own layer.
        let same = matches!(last.op, Op::Reshape { .. } | Op::Shortcut { .. });
        let from = last.address as usize - usize::from(same);
        let next = layers.iter().enumerate().skip(from).find_map(|(i, layer)| Some((i, layer.op()?)));
        names.0.extend(next.map(|(i, op)| format!("{i}.{}", op.name())));
        names
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The node of a name.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.0.iter().position(|own| own == name).map(|i| i as u32)
    }

    /// The name of node i, safe to show; of a number that no node has, that number.
    pub fn shown(&self, i: u32) -> String {
        self.0.get(i as usize).map_or_else(|| format!("number {i} (counted from 0)"), |name| visible(name))
    }

    /// The name of node i as it is, for files; None past the end.
    pub fn plain(&self, i: u32) -> Option<&str> {
        self.0.get(i as usize).map(String::as_str)
    }

    /// All names, safe to show.
    pub fn all_shown(&self) -> Vec<String> {
        self.0.iter().map(|name| visible(name)).collect()
    }

    /// The names of some of the nodes.
    pub(crate) fn only(&self, nodes: &[u32]) -> Self {
        Self(nodes.iter().filter_map(|&i| self.0.get(i as usize).cloned()).collect())
    }
}

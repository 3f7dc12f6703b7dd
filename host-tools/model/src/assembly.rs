//! A network node by node: what every reader of models appends to.
use crate::network::{Network, Origin, Port};
use shatterscope::Error;
use shatterscope::graph::{Node, Op, Shape};
use shatterscope::plan::Want;
use shatterscope_engine::{Names, Placed, Result};
use std::collections::HashSet;

/// The nodes of a network that is being made, with their parameters and names.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    /// The name of the next nodes. Later nodes under the same name have the name of their operation behind it.
    pub name: String,
    /// The operator of the file that the next nodes belong to.
    pub kind: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) parameters: Vec<f32>,
    pub(crate) running: Vec<f32>,
    /// How many of both each node has.
    pub(crate) lengths: Vec<[usize; 2]>,
    taken: HashSet<String>,
}

impl Assembly {
    /// Appends a node with its parameters and running statistics, each in one or more parts, and returns its number. Inputs come before all other nodes.
    ///
    /// # Errors
    /// Operands or numbers that do not fit the operation; other numbers of parameters than it has; no memory for them.
    pub fn push(
        &mut self,
        op: Op,
        (x, y): (u32, u32),
        parameters: &[&[f32]],
        running: &[&[f32]],
    ) -> std::result::Result<u32, String> {
        let shape = |i: u32| self.nodes.get(i as usize).map_or(Shape::vector(1), |node| node.shape);
        let facts = op.facts(shape(x), shape(y)).map_err(|error| match error {
            Error::InvalidSpec(reason) => reason.reason().to_owned(),
            error => error.to_string(),
        })?;
        let len = |parts: &[&[f32]]| parts.iter().map(|part| part.len()).sum::<usize>();
        let lengths = [len(parameters), len(running)];
        let (need, have) = (facts.parameters_len(), lengths[0] as u64);
        if need != have || 2 * u64::from(facts.running) != lengths[1] as u64 {
            return Err(format!("{have} parameters were found, and the operation has {need}"));
        }
        // Of operations on bytes they are no numbers.
        let mut all = parameters.iter().chain(running).flat_map(|part| part.iter());
        if !op.is_int8()[0]
            && let Some(at) = all.position(|x| !x.is_finite())
        {
            return Err(format!("its parameters hold NaN or infinity, first at element {at}"));
        }
        for (to, parts, len) in
            [(&mut self.parameters, parameters, lengths[0]), (&mut self.running, running, lengths[1])]
        {
            let bytes = 4 * len;
            let none =
                |_| format!("there is no memory for its {bytes} bytes of parameters beside the file: raise ulimit -v");
            to.try_reserve(len).map_err(none)?;
            parts.iter().for_each(|part| to.extend_from_slice(part));
        }
        let i = self.nodes.len() as u32;
        self.nodes.push(Node { op, x, y, shape: facts.shape, address: i, last_use: u32::MAX, frozen: [false; 2] });
        self.lengths.push(lengths);
        self.kinds.push(self.kind.clone());
        let name = self.unique(op);
        self.names.push(name);
        Ok(i)
    }

    fn unique(&mut self, op: Op) -> String {
        let base = if self.name.is_empty() { op.name() } else { &self.name };
        let mut name = base.to_owned();
        let mut number = 1;
        while !self.taken.insert(name.clone()) {
            name = if number == 1 { format!("{base}.{}", op.name()) } else { format!("{base}.{}.{number}", op.name()) };
            number += 1;
        }
        name
    }

    /// The shape of a node's value.
    pub fn shape(&self, node: u32) -> Shape {
        self.nodes[node as usize].shape
    }

    /// The nodes so far.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The name of a node.
    pub fn name_of(&self, node: u32) -> &str {
        &self.names[node as usize]
    }

    /// The network of these nodes, planned for what is wanted of it. The kinds of `origin` are replaced by those of the nodes.
    ///
    /// # Errors
    /// Nodes that are no graph; a network that is too large; no memory.
    pub fn finish(mut self, inputs: Vec<Port>, outputs: Vec<Port>, origin: Origin, want: Want) -> Result<Network> {
        for i in 0..self.nodes.len() {
            let Node { op, x, y, .. } = self.nodes[i];
            if !op.is_input() {
                (self.nodes[x as usize].last_use, self.nodes[y as usize].last_use) = (i as u32, i as u32);
            }
        }
        let len = self.nodes.len() as u32;
        for output in &outputs {
            self.nodes[output.node as usize].last_use = len;
        }
        let origin = Origin { kinds: self.kinds, ..origin };
        let placed = Placed::of_nodes(self.nodes, want)?.with_names(Names::given(self.names)?)?;
        Ok(Network { placed, parameters: self.parameters, running: self.running, inputs, outputs, origin })
    }
}

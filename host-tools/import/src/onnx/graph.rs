//! Which nodes are needed, in which order.
use super::proto::{GraphProto, NodeProto, TensorProto};
use crate::{
    builder::Site,
    error::{Error, Result, quoted},
};
use std::collections::{HashMap, HashSet};

/// A file's graph, checked: each value is defined once, and what is needed has an order.
pub struct Graph<'a> {
    proto: &'a GraphProto,
    /// Tensors by name.
    pub initializers: HashMap<&'a str, &'a TensorProto>,
    /// Indices of the nodes that outputs depend on, each after those it depends on.
    pub order: Vec<usize>,
    /// Names of values that these nodes or outputs use.
    pub used: HashSet<&'a str>,
}

/// Name and operator of a node.
pub fn site(node: &NodeProto, index: usize) -> Site {
    let name = match node.name.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("node {index}"),
    };
    let kind = node.op_type.clone().unwrap_or_default();
    let kind = match node.domain.as_deref() {
        None | Some("" | "ai.onnx") => kind,
        Some(domain) => format!("{domain}.{kind}"),
    };
    Site { name, kind }
}

fn described(node: &NodeProto, index: usize) -> String {
    let site = site(node, index);
    format!("{} {}", crate::error::shown(&site.kind), quoted(&site.name))
}

impl<'a> Graph<'a> {
    pub fn new(proto: &'a GraphProto) -> Result<Self> {
        if !proto.sparse_initializer.is_empty() {
            return Err(Error::onnx("its tensors are sparse, which is not supported"));
        }
        let mut initializers = HashMap::new();
        for tensor in &proto.initializer {
            let name = tensor.name.as_deref().unwrap_or("");
            if initializers.insert(name, tensor).is_some() {
                return Err(Error::tensor(name, "the file has two tensors of this name"));
            }
        }
        let mut given: HashSet<&str> = initializers.keys().copied().collect();
        let mut inputs = HashSet::new();
        for input in &proto.input {
            let name = input.name.as_deref().unwrap_or("");
            if name.is_empty() || !inputs.insert(name) {
                return Err(Error::input(name, "the file has two inputs of this name, or it has no name"));
            }
            given.insert(name);
        }
        let mut producers: HashMap<&str, usize> = HashMap::new();
        for (index, node) in proto.node.iter().enumerate() {
            for name in node.output.iter().filter(|name| !name.is_empty()) {
                if given.contains(name.as_str()) || producers.insert(name, index).is_some() {
                    return Err(Error::onnx(format!("value {} is defined twice", quoted(name))));
                }
            }
        }
        let mut graph = Self { proto, initializers, order: Vec::new(), used: HashSet::new() };
        graph.sort(&given, &producers)?;
        Ok(graph)
    }

    /// Depth first from the outputs; the stack is explicit, for a file decides how deep it is.
    fn sort(&mut self, given: &HashSet<&str>, producers: &HashMap<&'a str, usize>) -> Result<()> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut state = vec![State::New; self.proto.node.len()];
        if self.proto.output.is_empty() {
            return Err(Error::onnx("its graph has no outputs"));
        }
        for output in &self.proto.output {
            let name = output.name.as_deref().unwrap_or("");
            self.used.insert(name);
            let Some(&root) = producers.get(name) else {
                if given.contains(name) && !name.is_empty() {
                    continue;
                }
                let user = "the output of the graph".to_owned();
                return Err(Error::Missing { value: name.to_owned(), user });
            };
            // A node and its next operand.
            let mut stack = Vec::new();
            if state[root] == State::New {
                state[root] = State::Open;
                stack.push((root, 0));
            }
            while let Some((index, operand)) = stack.last_mut() {
                let (index, node) = (*index, &self.proto.node[*index]);
                let Some(name) = node.input.get(*operand) else {
                    state[index] = State::Done;
                    self.order.push(index);
                    stack.pop();
                    continue;
                };
                *operand += 1;
                if name.is_empty() {
                    continue;
                }
                self.used.insert(name);
                match producers.get(name.as_str()) {
                    None if given.contains(name.as_str()) => {}
                    None => return Err(Error::Missing { value: name.clone(), user: described(node, index) }),
                    Some(&next) => match state[next] {
                        State::Done => {}
                        State::New => {
                            state[next] = State::Open;
                            stack.push((next, 0));
                        }
                        State::Open => {
                            let from = stack.iter().position(|(i, _)| *i == next).unwrap_or(0);
                            let mut nodes: Vec<String> = (stack[from..].iter().take(9))
                                .map(|&(i, _)| described(&self.proto.node[i], i))
                                .collect();
                            nodes.push(if stack.len() - from > 9 {
                                "...".to_owned()
                            } else {
                                described(&self.proto.node[next], next)
                            });
                            return Err(Error::Cycle { nodes });
                        }
                    },
                }
            }
        }
        // The order of the file is one, usually, and easier to read.
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        let mut defined: HashSet<&str> = HashSet::new();
        let in_order = sorted.iter().all(|&i| {
            let node = &self.proto.node[i];
            let known = |name: &String| !producers.contains_key(name.as_str()) || defined.contains(name.as_str());
            let fits = node.input.iter().all(known);
            defined.extend(node.output.iter().map(String::as_str));
            fits
        });
        if in_order {
            self.order = sorted;
        }
        Ok(())
    }

    /// Names of tensors and inputs that nothing uses, in the order of the file.
    pub fn unused(&self) -> Vec<String> {
        let inputs = self.proto.input.iter().map(|i| i.name.as_deref().unwrap_or(""));
        let tensors = self.proto.initializer.iter().map(|t| t.name.as_deref().unwrap_or(""));
        let mut seen = HashSet::new();
        inputs.chain(tensors).filter(|n| !self.used.contains(n) && seen.insert(*n)).map(str::to_owned).collect()
    }
}

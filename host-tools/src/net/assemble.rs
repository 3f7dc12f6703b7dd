//! From a list to a network: which value each layer computes from, and the names of all.
use super::tensors::Tensors;
use super::{Input, Layer, Net};
use crate::tensors::Bundle;
use crate::text::visible;
use crate::{Failure, Result, limits};
use shatterscope::graph::{Image, Op, Shape};
use shatterscope::plan::Want;
use shatterscope_model::{Assembly, Network, Origin, Port};
use std::collections::{BTreeMap, HashMap};

/// The extents of inputs that `--shape` gives, with the axis of the examples in front.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A network and where its parameters come from.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// The network.
    pub network: Network,
    /// Name and length of the tensor of each part of the parameters, in their order; what no tensor has has the name of its node.
    pub tensors: Vec<(String, usize)>,
}

/// Finds the tensors of all layers and makes the network.
///
/// # Errors
/// The line, layer, tensor or key that does not fit, what is expected, and what was found.
pub fn assemble(bundle: &Bundle, net: &Net, shapes: &Shapes, want: Want) -> Result<Assembled> {
    let inputs = inputs(&net.inputs, shapes)?;
    let mut assembler = Assembler {
        tensors: Tensors::new(bundle),
        built: Assembly::default(),
        sources: Vec::new(),
        values: HashMap::new(),
        inputs: Vec::new(),
        last: None,
        kept: None,
        notes: Vec::new(),
        filled: 0,
    };
    for input in &inputs {
        assembler.input(input).map_err(Failure::failed)?;
    }
    let mut of_layers = Vec::new();
    for (i, layer) in net.layers.iter().enumerate() {
        let refused = |why: String| {
            let name = layer.prefix().map_or(String::new(), |name| format!(" {}", visible(name)));
            Failure::failed(format!("line {}, layer {i}.{}{name}: {why}", layer.line, layer.operation))
        };
        assembler.built.kind = layer.operation.to_owned();
        assembler.built.name = match layer.name.as_deref().or(layer.tensors.as_deref()) {
            Some("") | None => format!("{i}.{}", layer.operation),
            Some(name) => name.to_owned(),
        };
        let name = assembler.built.name.clone();
        let value = assembler.layer(layer).map_err(refused)?;
        assembler.values.entry(name).or_default().push(value);
        assembler.last = Some(value);
        of_layers.push(value);
    }
    assembler.finish(net, &of_layers, want)
}

/// The inputs of a list with the extents of `--shape`.
fn inputs(listed: &[Input], shapes: &Shapes) -> Result<Vec<Input>> {
    let mut all = listed.to_vec();
    for (name, extents) in shapes {
        let own = match extents[..] {
            [1, ref rest @ ..] if (1..=3).contains(&rest.len()) => {
                rest.iter().map(|&n| u32::try_from(n).ok()).collect()
            }
            _ => None,
        };
        let own: Vec<u32> = own.ok_or_else(|| {
            Failure::usage(format!(
                "--shape {}: {extents:?}: write the size of the batch, which is 1, then channels, or channels, rows and columns: 1x3x32x32",
                visible(name)
            ))
        })?;
        match all.iter_mut().find(|input| input.name == *name) {
            Some(input) if input.extents == own => {}
            Some(input) => {
                let stated = &input.extents;
                return Err(Failure::usage(format!(
                    "--shape {}: the list states {stated:?}, and --shape {own:?}: leave one of them out",
                    visible(name)
                )));
            }
            None if listed.is_empty() && name == "input" => all.push(Input { name: name.clone(), extents: own }),
            None => {
                let names = if listed.is_empty() {
                    "input".to_owned()
                } else {
                    super::listed(&listed.iter().map(|input| &input.name).collect::<Vec<_>>())
                };
                return Err(Failure::usage(format!(
                    "--shape {}: the list has no such input; it has {names}",
                    visible(name)
                )));
            }
        }
    }
    Ok(all)
}

/// What has been assembled so far.
pub(super) struct Assembler<'b> {
    pub tensors: Tensors<'b>,
    pub built: Assembly,
    /// As in [`Assembled::tensors`].
    pub sources: Vec<(String, usize)>,
    /// The nodes of each name.
    values: HashMap<String, Vec<u32>>,
    inputs: Vec<Port>,
    /// The value of the layer before.
    pub last: Option<u32>,
    /// What a fork keeps.
    pub kept: Option<u32>,
    pub notes: Vec<String>,
    /// Parameters that no tensor has.
    filled: u64,
}

/// Parameters that a list may make without tensors.
const MOST_FILLED: u64 = 1 << 26;

type Made<T> = std::result::Result<T, String>;

impl Assembler<'_> {
    /// An input of the network.
    fn input(&mut self, input: &Input) -> Made<u32> {
        let shape = shape_of(&input.extents)?;
        (self.built.name, self.built.kind) = (input.name.clone(), "input".to_owned());
        let node = self.built.push(Op::Input { shape }, (0, 0), &[], &[])?;
        let dims = input.extents.iter().map(|&n| n as usize).collect();
        self.inputs.push(Port { name: input.name.clone(), shape: dims, node, int8: None });
        self.values.entry(input.name.clone()).or_default().push(node);
        // Of several inputs a layer says which one it takes.
        self.last = if self.inputs.len() == 1 { Some(node) } else { None };
        Ok(node)
    }

    /// An input for a first layer that is dense.
    pub fn input_of(&mut self, units: u32) -> Made<u32> {
        let (name, kind) = (self.built.name.clone(), self.built.kind.clone());
        let node = self.input(&Input { name: "input".to_owned(), extents: vec![units] });
        (self.built.name, self.built.kind) = (name, kind);
        node
    }

    /// Whether nothing has been computed yet.
    pub fn is_empty(&self) -> bool {
        self.built.nodes().is_empty()
    }

    fn named(&self, name: &str) -> Made<u32> {
        match self.values.get(name).map(Vec::as_slice) {
            Some([value]) => Ok(*value),
            Some(_) => {
                Err(format!("several layers before it are called {}: give each a name of its own", visible(name)))
            }
            None => Err(format!("no layer or input before it is called {}", visible(name))),
        }
    }

    /// The value that a layer computes from.
    pub fn operand(&self, layer: &Layer) -> Made<u32> {
        match &layer.inputs[..] {
            [] => self.last.ok_or_else(|| match self.inputs.len() {
                0 => "the shape of the input is not known: begin with a dense layer, write input = [channels, rows, columns] in the list, or give \
                      --shape input=1xCHANNELSxROWSxCOLUMNS"
                    .to_owned(),
                _ => "the network has several inputs: name one with input".to_owned(),
            }),
            [name] => self.named(name),
            names => Err(format!("it has one input, and {} are given", names.len())),
        }
    }

    /// The values that a layer computes from, at least two.
    pub fn operands(&self, layer: &Layer) -> Made<Vec<u32>> {
        match layer.inputs.len() {
            0 | 1 => Err(format!(
                "it has two inputs, and {} is given: name them, inputs = [\"first\", \"second\"]",
                layer.inputs.len()
            )),
            _ => layer.inputs.iter().map(|name| self.named(name)).collect(),
        }
    }

    pub fn shape(&self, node: u32) -> Shape {
        self.built.shape(node)
    }

    /// Appends a node without parameters.
    pub fn push(&mut self, op: Op, x: u32, y: u32) -> Made<u32> {
        self.built.push(op, (x, y), &[], &[])
    }

    /// Appends a node with parameters from tensors of these names.
    pub fn push_with(&mut self, op: Op, x: u32, parts: &[(&str, &[f32])], running: &[&[f32]]) -> Made<u32> {
        // Of layers that share tensors each has a copy.
        let bytes = 4 * parts.iter().map(|(_, data)| data.len() as u64).sum::<u64>();
        limits::memory(bytes, "the copy of its parameters", "the number of layers").map_err(|error| error.message)?;
        let parameters: Vec<&[f32]> = parts.iter().map(|(_, data)| *data).collect();
        let node = self.built.push(op, (x, x), &parameters, running)?;
        self.sources.extend(parts.iter().map(|(name, data)| ((*name).to_owned(), data.len())));
        Ok(node)
    }

    /// The same number for each of some units, where the file has none of them.
    pub fn filled(&mut self, with: f32, units: u32) -> Made<Vec<f32>> {
        self.filled = self.filled.saturating_add(units.into());
        if self.filled > MOST_FILLED {
            return Err(format!(
                "the list makes more than {MOST_FILLED} parameters that the weights do not have: lower the number of channels"
            ));
        }
        Ok(vec![with; units as usize])
    }

    fn finish(self, net: &Net, of_layers: &[u32], want: Want) -> Result<Assembled> {
        let Some(&last) = of_layers.last() else { return Err(Failure::failed("the list has no layers")) };
        if self.kept.is_some() {
            return Err(Failure::failed("a fork has no join: every fork needs one join"));
        }
        self.tensors.check_norms(net).map_err(Failure::failed)?;
        let named = |name: &String| self.named(name).map_err(|why| Failure::failed(format!("outputs: {why}")));
        let nodes =
            if net.outputs.is_empty() { vec![last] } else { net.outputs.iter().map(named).collect::<Result<_>>()? };
        let outputs: Vec<Port> = nodes
            .iter()
            .map(|&node| Port {
                name: self.built.name_of(node).to_owned(),
                shape: extents_of(self.shape(node)),
                node,
                int8: None,
            })
            .collect();
        if let Some(twice) =
            outputs.iter().enumerate().find(|(i, port)| outputs[..*i].iter().any(|p| p.node == port.node))
        {
            return Err(Failure::failed(format!("outputs: {} is there twice", visible(&twice.1.name))));
        }
        self.check_uses(net, of_layers, &nodes)?;
        let origin = Origin {
            format: "list of layers".to_owned(),
            batch: Some(1),
            kinds: Vec::new(),
            unused: self.tensors.unused(),
            notes: self.notes,
        };
        let network = self.built.finish(self.inputs, outputs, origin, want)?;
        Ok(Assembled { network, tensors: self.sources })
    }

    /// Refuses values that nothing uses.
    fn check_uses(&self, net: &Net, of_layers: &[u32], outputs: &[u32]) -> Result<()> {
        let nodes = self.built.nodes();
        let mut used = vec![false; nodes.len()];
        outputs.iter().for_each(|&output| used[output as usize] = true);
        for node in nodes.iter().filter(|node| !node.op.is_input() && !matches!(node.op, Op::Constant { .. })) {
            (used[node.x as usize], used[node.y as usize]) = (true, true);
        }
        if let Some(input) = self.inputs.iter().find(|input| !used[input.node as usize]) {
            return Err(Failure::failed(format!("no layer uses the input {}", visible(&input.name))));
        }
        match of_layers.iter().position(|&value| !used[value as usize]) {
            None => Ok(()),
            Some(i) => {
                let Layer { line, operation, .. } = &net.layers[i];
                Err(Failure::failed(format!(
                    "line {line}, layer {i}.{operation}: nothing uses its value: name it as the input of another layer or in outputs, or leave it out"
                )))
            }
        }
    }
}

/// The shape of a value with these extents: channels, then columns, or rows and columns.
pub(super) fn shape_of(extents: &[u32]) -> Made<Shape> {
    let image = match *extents {
        [channels] => Image::vector(channels),
        [channels, width] => Image { channels, height: 1, width },
        [channels, height, width] => Image { channels, height, width },
        _ => return Err(format!("{extents:?} are no extents of a value: channels, then columns, or rows and columns")),
    };
    Shape::of(image).ok_or_else(|| format!("{extents:?} is too large: at most 65535 rows and columns"))
}

/// The extents of one example.
fn extents_of(shape: Shape) -> Vec<usize> {
    match (shape.height, shape.width) {
        (1, 1) => vec![shape.channels as usize],
        (height, width) => vec![shape.channels as usize, height.into(), width.into()],
    }
}

//! The native form: a .safetensors file with the tensors of each node, and the graph as JSON in its metadata.
//!
//! The key [`KEY`] holds `{"version": 1, "digest": .., "format": .., "batch": .., "nodes": [{"name", "kind", "words"}], "inputs": [{"name", "shape",
//! "node"}], "outputs": [..]}`. The twelve words of a node are those of docs/wire-format.md. A node with parameters has the tensor `NAME.weight` and,
//! where it has them, `NAME.bias`, `NAME.running_mean` and `NAME.running_var`, all as vectors. The digest is over the document without it, and all
//! tensors.
use crate::{Network, Origin, Port, Scale};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shatterscope::graph::{Graph, Node, NodeWords};
use shatterscope::plan::Want;
use shatterscope_engine::{Failure, Names, Placed, Result, text::visible};
use std::collections::HashMap;

/// The key of the graph in the metadata.
pub const KEY: &str = "shatterscope";

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    digest: String,
    format: String,
    batch: Option<usize>,
    nodes: Vec<Entry>,
    inputs: Vec<Door>,
    outputs: Vec<Door>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    kind: String,
    words: NodeWords,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Door {
    name: String,
    shape: Vec<usize>,
    node: u32,
    /// Of values of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zero: Option<i8>,
}

/// What the tensors of a node are called.
const PARTS: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// The lengths of the tensors of each node: weights, biases, running means, running variances.
fn lengths(graph: &Graph<'_>, node: u32) -> [usize; 4] {
    graph.facts(node).map_or([0; 4], |facts| {
        let [weights, biases] = facts.parameters;
        [weights as usize, biases as usize, facts.running as usize, facts.running as usize]
    })
}

/// The bytes of a network's file, the same for the same network.
///
/// # Errors
/// None in practice.
pub fn to_safetensors(network: &Network) -> Result<Vec<u8>> {
    let graph = network.placed.graph()?;
    let door = |port: &Port| Door {
        name: port.name.clone(),
        shape: port.shape.clone(),
        node: port.node,
        scale: port.int8.map(|own| own.scale),
        zero: port.int8.map(|own| own.zero),
    };
    let mut names = Vec::new();
    let nodes = (0..).zip(&network.placed.nodes).map(|(i, node)| {
        let name = network.placed.names().plain(i).unwrap_or_default().to_owned();
        names.push(name.clone());
        Entry { name, kind: network.origin.kinds[i as usize].clone(), words: node.to_words() }
    });
    let mut document = Document {
        version: VERSION,
        digest: String::new(),
        format: network.origin.format.clone(),
        batch: network.origin.batch,
        nodes: nodes.collect(),
        inputs: network.inputs.iter().map(door).collect(),
        outputs: network.outputs.iter().map(door).collect(),
    };
    let bytes = |data: &[f32]| data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let (mut tensors, mut parameters, mut running) = (Vec::new(), &network.parameters[..], &network.running[..]);
    for (i, name) in (0..).zip(&names) {
        for (part, len) in lengths(&graph, i).into_iter().enumerate().filter(|(_, len)| *len > 0) {
            let from = if part < 2 { &mut parameters } else { &mut running };
            let (data, rest) = from.split_at(len);
            *from = rest;
            tensors.push((format!("{name}.{}", PARTS[part]), len, bytes(data)));
        }
    }
    document.digest =
        digest(&document, &tensors.iter().map(|(name, _, data)| (name.as_str(), &data[..])).collect::<Vec<_>>())?;
    let refused = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot write safetensors: {error}"));
    let views = tensors
        .iter()
        .map(|(name, len, data)| Ok((name.as_str(), TensorView::new(Dtype::F32, vec![*len], data)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| refused(&error))?;
    let json = serde_json::to_string(&document).map_err(|error| refused(&error))?;
    safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), json)]))).map_err(|error| refused(&error))
}

/// SHA-256 over the document without a digest, and the tensors by name.
fn digest(document: &Document, tensors: &[(&str, &[u8])]) -> Result<String> {
    let of = |error: serde_json::Error| Failure::failed(format!("the graph cannot be written as JSON: {error}"));
    let mut hash = Sha256::new();
    let mut value = serde_json::to_value(document).map_err(of)?;
    value["digest"] = String::new().into();
    hash.update(serde_json::to_vec(&value).map_err(of)?);
    let mut tensors = tensors.to_vec();
    tensors.sort_by_key(|(name, _)| *name);
    for (name, data) in tensors {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((data.len() as u64).to_le_bytes());
        hash.update(data);
    }
    Ok(format!("sha256:{}", hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// Reads a network's file.
///
/// # Errors
/// A file that is not in the native form or is damaged: a digest that differs, nodes that are no graph, tensors of other lengths.
pub fn from_safetensors(bytes: &[u8], want: Want) -> Result<Network> {
    let damaged = |what: String| Failure::failed(format!("the file is damaged: {what}"));
    let not = |error: safetensors::SafeTensorError| {
        let error = error.to_string().replace('\n', " ");
        Failure::failed(format!("not a safetensors file, or a damaged one: {error}"))
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(not)?;
    let json = metadata.metadata().as_ref().and_then(|all| all.get(KEY)).ok_or_else(|| {
        Failure::failed("it holds weights without a graph: give the layers with --net NET.toml, or a file that `import --out` wrote")
    })?;
    let document: Document = serde_json::from_str(json).map_err(|error| damaged(format!("its graph: {error}")))?;
    if document.version != VERSION {
        return Err(Failure::failed(format!(
            "its graph is of version {}, and version {VERSION} is read: import the model again",
            document.version
        )));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(not)?;
    let all: Vec<(String, TensorView<'_>)> = tensors.tensors();
    let own = digest(&document, &all.iter().map(|(name, view)| (name.as_str(), view.data())).collect::<Vec<_>>())?;
    if own != document.digest {
        return Err(damaged(format!("its digest is {own}, and it states {}", visible(&document.digest))));
    }
    let mut nodes = Vec::new();
    for (i, entry) in document.nodes.iter().enumerate() {
        let node = Node::from_words(&entry.words);
        nodes.push(node.ok_or_else(|| damaged(format!("node {i} has an operation that is not known")))?);
    }
    let names = Names::given(document.nodes.iter().map(|entry| entry.name.clone()).collect())?;
    let placed = Placed::of_nodes(nodes, want)?.with_names(names)?;
    let graph = placed.graph()?;
    let (mut parameters, mut running) = (Vec::new(), Vec::new());
    let mut used = 0;
    for (i, entry) in (0..).zip(&document.nodes) {
        let before = parameters.len();
        for (part, len) in lengths(&graph, i).into_iter().enumerate().filter(|(_, len)| *len > 0) {
            let name = format!("{}.{}", entry.name, PARTS[part]);
            let view = tensors.tensor(&name).map_err(|_| damaged(format!("it lacks the tensor {}", visible(&name))))?;
            if view.dtype() != Dtype::F32 || view.shape() != [len] {
                let (found, shape) = (view.dtype(), view.shape());
                return Err(damaged(format!("{} is {found:?} {shape:?}, not F32 [{len}]", visible(&name))));
            }
            let to = if part < 2 { &mut parameters } else { &mut running };
            let own = to.len();
            to.extend(view.data().as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)));
            let bytes = graph.node(i).is_some_and(|node| node.op.is_int8()[0]);
            if let Some(at) = to[own..].iter().position(|x: &f32| !x.is_finite())
                && !bytes
            {
                return Err(damaged(format!("element {at} of {} is NaN or infinite", visible(&name))));
            }
            used += 1;
        }
        if let (Some(node), Some(facts)) = (graph.node(i), graph.facts(i)) {
            let wrong = |why| damaged(format!("node {}: {why}", visible(&entry.name)));
            crate::records::check(&node.op, &facts, &parameters[before..]).map_err(wrong)?;
        }
    }
    if used != all.len() {
        return Err(damaged(format!("it has {} tensors, and its graph {used}", all.len())));
    }
    let port = |door: Door| -> Result<Port> {
        let units = graph.node(door.node).and_then(|node| node.shape.units()).unwrap_or(0);
        let product = door.shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if product != Some(units as usize) {
            return Err(damaged(format!("{} is {:?}, its node has {units} units", visible(&door.name), door.shape)));
        }
        let bytes = graph.is_int8(door.node as usize);
        let int8 = match (bytes, door.scale, door.zero) {
            (false, None, None) => None,
            (true, Some(scale), Some(zero)) if scale.is_finite() && scale > 0.0 => Some(Scale { scale, zero }),
            _ => return Err(damaged(format!("{} has not the scale of its type", visible(&door.name)))),
        };
        Ok(Port { name: door.name, shape: door.shape, node: door.node, int8 })
    };
    let inputs = document.inputs.into_iter().map(port).collect::<Result<Vec<_>>>()?;
    let outputs = document.outputs.into_iter().map(port).collect::<Result<Vec<_>>>()?;
    let ends = |ports: &[Port], of: &mut dyn Iterator<Item = u32>| {
        let mut own: Vec<u32> = ports.iter().map(|port| port.node).collect();
        own.sort_unstable();
        own.dedup();
        own == of.collect::<Vec<_>>()
    };
    if !ends(&inputs, &mut graph.inputs()) || !ends(&outputs, &mut graph.outputs()) {
        return Err(damaged("its inputs or outputs are not those of its graph".to_owned()));
    }
    let origin = Origin {
        format: document.format,
        batch: document.batch,
        kinds: document.nodes.into_iter().map(|entry| entry.kind).collect(),
        unused: Vec::new(),
        notes: Vec::new(),
    };
    Ok(Network { placed, parameters, running, inputs, outputs, origin })
}

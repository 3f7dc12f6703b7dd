use crate::models::{bounded, is_a_network, seeds as files, wanted};
use crate::refused::refused;
use shatterscope::graph::{NODE_WORDS, Node, NodeWords};
use shatterscope::plan::Want;
use shatterscope_engine::Placed;
use shatterscope_import::Options;
use shatterscope_model::{KEY, Network, Origin, Port, Scale, from_safetensors, lower, to_safetensors};

/// Nodes and units of what is made of words.
const NODES: usize = 64;
const MOST: u64 = 1 << 16;

/// As a file in the native form: refused in one line, or a network that has a plan, runs if it is small, and is written and read with the same bits.
/// The first byte says what it is planned for, and whether the rest are the words of nodes, of which a file is made. Otherwise the rest is a file, also with
/// the length that its header has and with the digest that it should have: no search finds a digest.
pub fn native(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    if how & 1 != 0 {
        return of_words(rest, wanted(how));
    }
    let mut file = rest.to_vec();
    keeps_its_promises(&file, wanted(how));
    if mend_length(&mut file) | mend_digest(&mut file) {
        keeps_its_promises(&file, wanted(how));
    }
}

fn keeps_its_promises(file: &[u8], want: Want) {
    match bounded(file.len(), || from_safetensors(file, want)) {
        Ok(network) => is_a_network(&network, want),
        Err(error) => refused(&error),
    }
}

/// The header as long as its JSON is.
fn mend_length(file: &mut [u8]) -> bool {
    let Some((length, rest)) = file.split_first_chunk_mut::<8>() else { return false };
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<serde::de::IgnoredAny>();
    if !matches!(values.next(), Some(Ok(_))) {
        return false;
    }
    let own = (values.byte_offset() as u64).to_le_bytes();
    let other = *length != own;
    *length = own;
    other
}

/// The digest that the error asks for.
fn mend_digest(file: &mut [u8]) -> bool {
    let Err(error) = from_safetensors(file, Want::Output) else { return false };
    let Some((_, own)) = error.message.split_once("its digest is ") else { return false };
    let Some((own, stated)) = own.split_once(", and it states ") else { return false };
    let stated = stated.trim_matches('"').as_bytes();
    if stated.len() != own.len() {
        return false;
    }
    let Some(at) = file.windows(own.len()).position(|part| part == stated) else { return false };
    file[at..at + own.len()].copy_from_slice(own.as_bytes());
    true
}

/// Words of nodes as a network, whose names and shapes are made up.
fn of_words(data: &[u8], want: Want) {
    let words: Vec<u32> = data.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let nodes: &[NodeWords] = words.as_chunks::<NODE_WORDS>().0;
    let nodes: Option<Vec<Node>> = nodes.iter().take(NODES).map(Node::from_words).collect();
    let Some(nodes) = nodes else { return };
    let placed = match bounded(data.len(), || Placed::of_nodes(nodes, want)) {
        Ok(placed) => placed,
        Err(error) => return refused(&error),
    };
    let plan = placed.plan().expect("what was placed has a plan");
    if plan.parameters_len + plan.running_len > MOST {
        return;
    }
    let ends = |ends: &mut dyn Iterator<Item = u32>| {
        let port = |node: u32| Port {
            name: format!("end \u{7f}{node}"),
            shape: vec![placed.nodes[node as usize].shape.units().unwrap_or(0) as usize],
            node,
            int8: plan.graph().is_int8(node as usize).then_some(Scale { scale: 0.5, zero: -3 }),
        };
        ends.map(port).collect::<Vec<_>>()
    };
    let graph = plan.graph();
    let (inputs, outputs) = (ends(&mut graph.inputs()), ends(&mut graph.outputs()));
    // Multipliers and zero points of bytes are in a range, in which 0 is.
    let bytes = graph.has_int8();
    let value = |i: u64| if bytes { 0.0 } else { ((i * 37 + 11) % 64) as f32 / 32.0 - 0.75 };
    let network = Network {
        parameters: (0..plan.parameters_len).map(value).collect(),
        running: (0..plan.running_len).map(|i| 1.0 + value(i)).collect(),
        inputs,
        outputs,
        origin: Origin {
            format: "words".to_owned(),
            batch: None,
            kinds: vec!["node".to_owned(); placed.nodes.len()],
            unused: Vec::new(),
            notes: Vec::new(),
        },
        placed: placed.clone(),
    };
    is_a_network(&network, want);
}

/// What the small models are in the native form, the words of every operation, and a file of weights without a graph.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in files().iter().filter(|file| file[0] == 0) {
        let model = shatterscope_import::onnx(&file[1..], None, &Options::default()).expect("seeds are models");
        let network = lower(&model, Want::Output).expect("seeds are supported");
        let native = to_safetensors(&network).expect("a network has a native form");
        assert!(native.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
        seeds.extend([[&[0], &native[..]].concat(), [&[4], &native[..native.len() - 1]].concat()]);
    }
    seeds.extend(
        crate::graph::seeds().into_iter().flat_map(|words| [[&[1], &words[..]].concat(), [&[5], &words[..]].concat()]),
    );
    seeds
}

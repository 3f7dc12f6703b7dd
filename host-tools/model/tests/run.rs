//! How a network is run on tensors.
use shatterscope::exec::Isa;
use shatterscope_engine::{Result, predict::predict};
use shatterscope_model::Network;

/// The outputs for inputs that each have all examples, with the number of examples; every instruction set of this machine gives the same bits.
pub fn outputs(network: &Network, inputs: &[&[f32]], count: usize) -> Result<Vec<Vec<f32>>> {
    let mut rows = Vec::new();
    for example in 0..count {
        for (port, data) in network.inputs.iter().zip(inputs) {
            let len = port.elements();
            rows.extend_from_slice(&data[example * len..(example + 1) * len]);
        }
    }
    let of = (&network.parameters[..], &network.running[..]);
    let mut all: Option<Vec<f32>> = None;
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        // Batches of another size than the number of examples.
        let found = predict(&network.placed, of, &rows, count.min(3) as u32, isa)?;
        let bits = |found: &[f32]| found.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        if let Some(all) = &all {
            assert_eq!(bits(all), bits(&found), "{}", isa.name());
        }
        all = Some(found);
    }
    let all = all.unwrap_or_default();
    let graph = network.placed.graph()?;
    let units = |node: u32| graph.node(node).and_then(|node| node.shape.units()).unwrap_or(0) as usize;
    let ends: Vec<u32> = graph.outputs().collect();
    let len: usize = ends.iter().map(|&node| units(node)).sum();
    let of = |port: &shatterscope_model::Port| {
        let from: usize = ends.iter().take_while(|&&node| node != port.node).map(|&node| units(node)).sum();
        (0..count).flat_map(|example| all[example * len + from..][..units(port.node)].to_vec()).collect()
    };
    Ok(network.outputs.iter().map(of).collect())
}

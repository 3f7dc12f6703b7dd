//! Nodes and values that no output depends on.
use crate::model::Model;

/// Removes nodes that no output depends on.
pub fn remove(model: &mut Model) {
    let mut needed = vec![false; model.values.len()];
    for &output in &model.outputs {
        needed[output] = true;
    }
    let mut keep = vec![false; model.nodes.len()];
    for (index, node) in model.nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|&o| needed[o]) {
            keep[index] = true;
            for &input in &node.inputs {
                needed[input] = true;
            }
        }
    }
    let mut kept = keep.iter();
    model.nodes.retain(|_| kept.next().copied() == Some(true));
}

/// Removes values that nothing uses, and inputs among them, whose names are listed.
pub fn compact(model: &mut Model) {
    let mut needed = vec![false; model.values.len()];
    for &id in model.outputs.iter().chain(model.nodes.iter().flat_map(|n| n.inputs.iter().chain(&n.outputs))) {
        needed[id] = true;
    }
    for &id in model.inputs.iter().filter(|&&id| !needed[id]) {
        model.unused.push(model.values[id].name.clone());
    }
    model.inputs.retain(|&id| needed[id]);
    let mut next = 0;
    let new: Vec<usize> = needed
        .iter()
        .map(|&keep| {
            next += usize::from(keep);
            next.wrapping_sub(1)
        })
        .collect();
    let mut flags = needed.iter();
    model.values.retain(|_| flags.next().copied() == Some(true));
    let ids = model.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut().chain(&mut n.outputs));
    for id in ids.chain(&mut model.inputs).chain(&mut model.outputs) {
        *id = new[*id];
    }
}

//! Names of values: each has one, and no two the same.
use crate::model::Model;
use std::collections::HashMap;

/// Values that are outputs get the names of the outputs, if they are computed; others keep theirs or get one made from their node's.
pub fn unique(model: &mut Model, outputs: &[String]) {
    let mut fixed = vec![false; model.values.len()];
    let mut taken: HashMap<String, usize> = HashMap::new();
    for &id in &model.inputs {
        fixed[id] = true;
        taken.insert(model.values[id].name.clone(), 1);
    }
    let mut computed = vec![None; model.values.len()];
    for (index, node) in model.nodes.iter().enumerate() {
        for &output in &node.outputs {
            computed[output] = Some(index);
        }
    }
    for (&id, name) in model.outputs.iter().zip(outputs) {
        if !fixed[id] && (computed[id].is_some() || model.values[id].name.is_empty()) && !taken.contains_key(name) {
            model.values[id].name.clone_from(name);
            fixed[id] = true;
            taken.insert(name.clone(), 1);
        }
    }
    for id in 0..model.values.len() {
        if fixed[id] {
            continue;
        }
        let own = std::mem::take(&mut model.values[id].name);
        let base = match (own.is_empty(), computed[id]) {
            (false, _) => own,
            (true, Some(node)) => format!("{}:value", model.nodes[node].name),
            (true, None) => "constant".to_owned(),
        };
        let mut name = base.clone();
        while taken.contains_key(&name) {
            let count = taken.entry(base.clone()).or_insert(1);
            *count += 1;
            name = format!("{base}:{count}");
        }
        taken.insert(name.clone(), 1);
        model.values[id].name = name;
    }
}

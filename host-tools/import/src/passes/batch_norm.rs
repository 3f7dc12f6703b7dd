//! Batch norms after convolutions become part of them.
use super::Uses;
use crate::{
    model::{Model, Node, Value},
    operation::Operation,
    tensor::Tensor,
};

/// Weights and biases of convolutions whose only use is a batch norm: computed in f64, rounded once.
pub fn fold(model: &mut Model) {
    let uses = Uses::new(model);
    for index in 0..model.nodes.len() {
        let Operation::BatchNormalization { eps } = model.nodes[index].op else { continue };
        let x = model.nodes[index].inputs[0];
        let Some(producer) = uses.producer[x].filter(|_| uses.count[x] == 1) else { continue };
        // Weights that convolutions share stay shared.
        let alone = |conv: &Node| uses.count[conv.inputs[1]] == 1;
        if !matches!(model.nodes[producer].op, Operation::Conv { .. }) || !alone(&model.nodes[producer]) {
            continue;
        }
        let Some((weights, biases)) = folded(model, producer, index, eps) else { continue };
        let mut conv = model.nodes[producer].clone();
        let norm = &model.nodes[index];
        model.notes.push(format!(
            "folded batch norm {} into convolution {}",
            crate::error::quoted(&norm.name),
            crate::error::quoted(&conv.name)
        ));
        conv.outputs = norm.outputs.clone();
        let names = [1, 2].map(|i| match conv.inputs.get(i) {
            Some(&id) => model.values[id].name.clone(),
            None => format!("{}:bias", conv.name),
        });
        conv.inputs.truncate(1);
        for (name, tensor) in names.into_iter().zip([weights, biases]) {
            model.values.push(Value::new(name, tensor.shape().to_vec(), Some(tensor)));
            conv.inputs.push(model.values.len() - 1);
        }
        model.nodes[index] = conv;
    }
}

fn folded(model: &Model, conv: usize, norm: usize, eps: f32) -> Option<(Tensor, Tensor)> {
    let floats = |id: usize| model.values[id].constant.as_ref()?.floats();
    let conv = &model.nodes[conv].inputs;
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|i| floats(model.nodes[norm].inputs[i]));
    let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
    let weights = floats(conv[1])?;
    let bias = match conv.get(2) {
        Some(&id) => floats(id)?.to_vec(),
        None => vec![0.0; scale.len()],
    };
    let factor: Vec<f64> =
        (scale.iter().zip(variance)).map(|(&s, &v)| f64::from(s) / (f64::from(v) + f64::from(eps)).sqrt()).collect();
    let each = weights.len().checked_div(factor.len()).filter(|&n| n > 0)?;
    let rows = weights.chunks_exact(each).zip(&factor);
    let data = rows.flat_map(|(row, f)| row.iter().map(move |&w| (f64::from(w) * f) as f32)).collect();
    let biases = (0..factor.len())
        .map(|c| ((f64::from(bias[c]) - f64::from(mean[c])) * factor[c] + f64::from(shift[c])) as f32)
        .collect();
    let shape = model.values[conv[1]].shape.clone();
    Some((Tensor::F32 { shape, data }, Tensor::F32 { shape: vec![factor.len()], data: biases }))
}

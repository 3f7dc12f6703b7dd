//! Tensors of a model that its list of layers does not use.
use super::{Entry, Net};
use crate::tensors::Bundle;
use crate::{Failure, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a batch norm's name that nothing else has, in PyTorch, Keras and Flax.
const STATISTICS: [&str; 6] = ["running_mean", "running_var", "moving_mean", "moving_variance", "gamma", "beta"];

/// Names of the tensors that no dense layer of the list takes.
///
/// # Errors
/// Parameters or statistics of a batch norm beside a list that has one: the batch norm of a list takes neither, so that the result would
/// be another network's.
pub(super) fn names(bundle: &Bundle, net: &Net) -> Result<Vec<String>> {
    let used: BTreeSet<String> = net
        .layers
        .iter()
        .filter_map(|entry| if let Entry::Dense(name) = entry { Some(name) } else { None })
        .flat_map(|name| ["weight", "bias"].map(|part| format!("{name}.{part}")))
        .collect();
    let all: BTreeSet<&String> = bundle.tensors.keys().chain(bundle.others.keys()).collect();
    let left: Vec<String> = all.into_iter().filter(|name| !used.contains(*name)).cloned().collect();
    if net.layers.iter().any(|entry| matches!(entry, Entry::BatchNorm { .. })) {
        let of_norms = of_norms(bundle, &left);
        if !of_norms.is_empty() {
            return Err(Failure::failed(format!(
                "the list has a batch-norm, which takes its statistics from the points and has no learned scale, but the model has \
                 {}: fold them into the dense layer before it and leave batch-norm out of the list, or, to use the statistics of the \
                 points, take these tensors out of the model",
                listed(&of_norms)
            )));
        }
    }
    Ok(left)
}

/// Those of a layer without a matrix: its scale, shift and statistics.
fn of_norms<'a>(bundle: &Bundle, left: &'a [String]) -> Vec<&'a str> {
    let mut layers: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for name in left {
        let (layer, part) = name.rsplit_once(['.', '/']).unwrap_or(("", name));
        layers.entry(layer).or_default().push((name, part));
    }
    let rank = |name: &str| bundle.tensors.get(name).map(|tensor| tensor.shape.len());
    let is_norm = |parts: &&Vec<(&str, &str)>| {
        parts.iter().any(|(_, part)| STATISTICS.contains(part))
            || (parts.iter().all(|(name, _)| rank(name).is_none_or(|rank| rank <= 1))
                && parts.iter().any(|(name, part)| ["weight", "scale"].contains(part) && rank(name) == Some(1)))
    };
    layers.values().filter(is_norm).flatten().map(|(name, _)| *name).collect()
}

/// The names, or the first of them and how many more there are.
pub fn listed(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 30;
    let mut text = names.iter().take(MOST).map(|name| name.as_ref()).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text += &format!(" and {} more", names.len() - MOST);
    }
    text
}

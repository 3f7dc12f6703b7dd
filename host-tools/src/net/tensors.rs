//! Tensors by name, and those that no layer uses.
use super::{Layer, Net};
use crate::tensors::{Bundle, Tensor};
use crate::text::visible;
use std::collections::{BTreeMap, BTreeSet};

/// The tensors of a file, and which of them layers use.
pub(super) struct Tensors<'b> {
    bundle: &'b Bundle,
    used: BTreeSet<String>,
}

impl<'b> Tensors<'b> {
    pub fn new(bundle: &'b Bundle) -> Self {
        Self { bundle, used: BTreeSet::new() }
    }

    /// The tensor of a name, all of it finite; None where there is none.
    pub fn find(&mut self, name: &str) -> Result<Option<&'b Tensor>, String> {
        let Some(tensor) = self.bundle.find(name).map_err(|error| error.message)? else { return Ok(None) };
        if self.used.insert(name.to_owned())
            && let Some(place) = crate::tensors::not_finite(name, &tensor.data)
        {
            return Err(format!("{place}: it must be finite"));
        }
        Ok(Some(tensor))
    }

    /// The tensor of a name; `expected` says which shape the layer needs.
    pub fn need(&mut self, name: &str, expected: &str) -> Result<&'b Tensor, String> {
        self.find(name)?.ok_or_else(|| {
            let there = listed(&self.bundle.tensors.keys().collect::<Vec<_>>());
            format!("the weights have no tensor {}, expected {expected}; they have {there}", visible(name))
        })
    }

    /// A number for each of `len` units or channels; None where the file has none.
    pub fn row(&mut self, name: &str, len: u32) -> Result<Option<&'b [f32]>, String> {
        let Some(tensor) = self.find(name)? else { return Ok(None) };
        match tensor.shape == [len as usize] {
            true => Ok(Some(&tensor.data)),
            false => Err(format!("{} is {:?}, not [{len}]", visible(name), tensor.shape)),
        }
    }

    /// The same of a tensor that has to be there.
    pub fn need_row(&mut self, name: &str, len: u32) -> Result<&'b [f32], String> {
        self.need(name, &format!("[{len}]"))?;
        Ok(self.row(name, len)?.unwrap_or_default())
    }

    /// Names of the tensors that no layer uses, but for the counters of batches that PyTorch's norms keep.
    pub fn unused(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.bundle.tensors.keys().chain(self.bundle.others.keys()).collect();
        let is_left =
            |name: &&String| !self.used.contains(*name) && name.rsplit('.').next() != Some("num_batches_tracked");
        all.into_iter().filter(is_left).cloned().collect()
    }

    /// Refuses a list with a batch norm without a name where the file has parameters of one: they would be lost, and the result would be
    /// another network's.
    pub fn check_norms(&self, net: &Net) -> Result<(), String> {
        let nameless = |layer: &&Layer| layer.operation == "batch-norm" && layer.prefix().is_none();
        let Some(layer) = net.layers.iter().find(nameless) else { return Ok(()) };
        let left = self.unused();
        let norms = of_norms(self.bundle, &left);
        let Some(first) = norms.first() else { return Ok(()) };
        let prefix = first.rsplit_once(['.', '/']).map_or(*first, |(prefix, _)| prefix);
        Err(format!(
            "line {}: this batch-norm has no name, so that it takes its statistics from the points and has no learned scale, but the weights \
             have {}: write {{ batch-norm = \"{}\" }} to use them, or \"normalise\" to do without",
            layer.line,
            listed(&norms),
            visible(prefix)
        ))
    }
}

/// Parts of a batch norm's name that nothing else has, in PyTorch, Keras and Flax.
const STATISTICS: [&str; 6] = ["running_mean", "running_var", "moving_mean", "moving_variance", "gamma", "beta"];

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
    let mut text = names.iter().take(MOST).map(|name| visible(name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text += &format!(" and {} more", names.len() - MOST);
    }
    text
}

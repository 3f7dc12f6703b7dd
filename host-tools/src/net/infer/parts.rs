//! The layers of a `torch.nn.Sequential` that have tensors.
use crate::net::listed;
use crate::tensors::Bundle;
use crate::text::visible;
use std::collections::BTreeMap;

/// What a layer's tensors say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dense {
        inputs: u32,
        outputs: u32,
    },
    /// `input` is channels of a group.
    Conv {
        input: u32,
        outputs: u32,
        taps: [u32; 2],
        one_axis: bool,
    },
    BatchNorm {
        channels: u32,
    },
    /// A scale and a shift without running statistics.
    LayerNorm {
        units: u32,
    },
    /// Slopes: one, or one a channel.
    Prelu {
        slopes: u32,
    },
}

/// A layer with tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its number in the sequence.
    pub index: u32,
    /// The prefix of its tensors.
    pub name: String,
    pub kind: Kind,
}

impl Part {
    /// Units of a vector that it computes from, if that is told.
    pub fn units(&self) -> Option<u32> {
        match self.kind {
            Kind::Dense { inputs: units, .. } | Kind::BatchNorm { channels: units } | Kind::LayerNorm { units } => {
                Some(units)
            }
            Kind::Prelu { slopes } if slopes > 1 => Some(slopes),
            Kind::Prelu { .. } | Kind::Conv { .. } => None,
        }
    }
}

/// The layers in the order of their numbers.
pub(super) fn parts(bundle: &Bundle) -> Result<Vec<Part>, String> {
    let names = || bundle.tensors.keys().chain(bundle.others.keys());
    let mut layers: BTreeMap<u32, (&str, Vec<&str>)> = BTreeMap::new();
    let mut before: Option<&str> = None;
    for name in names() {
        let (layer, part) = name.rsplit_once('.').unwrap_or(("", name));
        let (prefix, number) = layer.rsplit_once('.').unwrap_or(("", layer));
        let index = number.parse::<u32>().ok().filter(|index| index.to_string() == number);
        let same = *before.get_or_insert(prefix) == prefix;
        let Some(index) = index.filter(|_| same) else {
            let all: Vec<&String> = names().collect();
            return Err(format!(
                "it has weights without a graph, and they are not called as those of one torch.nn.Sequential, 0.weight, 0.bias, 2.weight ..: it has {}: \
                 list the layers with --net NET.toml (docs/own-network.md), or give a file that `import --out` wrote",
                listed(&all)
            ));
        };
        layers.entry(index).or_insert_with(|| (layer, Vec::new())).1.push(part);
    }
    layers.into_iter().map(|(index, (name, parts))| part(bundle, index, name, &parts)).collect()
}

fn part(bundle: &Bundle, index: u32, name: &str, parts: &[&str]) -> Result<Part, String> {
    let shape = |part: &str| -> Result<Option<Vec<u32>>, String> {
        let found = bundle.find(&format!("{name}.{part}")).map_err(|error| error.message)?;
        let Some(tensor) = found else { return Ok(None) };
        let extents: Option<Vec<u32>> =
            tensor.shape.iter().map(|&n| u32::try_from(n).ok().filter(|n| *n > 0)).collect();
        extents.map(Some).ok_or_else(|| {
            format!("{}.{part} is {:?}: expected at least one element along each axis", visible(name), tensor.shape)
        })
    };
    let (weight, bias, mean) = (shape("weight")?, shape("bias")?, shape("running_mean")?);
    let kind = match (weight.as_deref(), bias.as_deref(), mean.as_deref()) {
        (_, _, Some(&[channels])) => Kind::BatchNorm { channels },
        (Some(&[outputs, inputs]), _, None) => Kind::Dense { inputs, outputs },
        (Some(&[outputs, input, columns]), _, None) => {
            Kind::Conv { input, outputs, taps: [1, columns], one_axis: true }
        }
        (Some(&[outputs, input, rows, columns]), _, None) => {
            Kind::Conv { input, outputs, taps: [rows, columns], one_axis: false }
        }
        (Some(&[units]), Some(_), None) => Kind::LayerNorm { units },
        (Some(&[slopes]), None, None) => Kind::Prelu { slopes },
        _ => {
            let all: Vec<String> = parts.iter().map(|part| format!("{name}.{part}")).collect();
            return Err(format!(
                "layer {index} has the tensors {}, which are of no dense layer, convolution, norm or PReLU: list the layers with --net NET.toml",
                listed(&all)
            ));
        }
    };
    Ok(Part { index, name: name.to_owned(), kind })
}

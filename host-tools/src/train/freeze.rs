//! Which parameters of a training are frozen.
use super::Spec;
use crate::{Failure, Result};
use shatterscope_layers::Layer;

impl Spec {
    /// Whether the weights, gamma or slopes, and the biases or beta, of each layer keep their values; nothing where none do.
    ///
    /// # Errors
    /// Wrong use: a name of no tensor, or nothing that is left to learn.
    pub fn frozen(&self, layers: &[Layer]) -> Result<Vec<[bool; 2]>> {
        if self.freeze.is_empty() {
            return Ok(Vec::new());
        }
        let has: Vec<_> = layers.iter().map(|layer| layer.parameters().unwrap_or((0, 0))).collect();
        let has: Vec<_> = has.into_iter().map(|(weights, others)| [weights > 0, others > 0]).collect();
        let mut frozen = vec![[false; 2]; layers.len()];
        for name in &self.freeze {
            let (layer, kinds) = match name.split_once('.') {
                None => (name.as_str(), [true, true]),
                Some((layer, "weight")) => (layer, [true, false]),
                Some((layer, "bias")) => (layer, [false, true]),
                Some(_) => return Err(unknown(name, &has)),
            };
            // Digits alone: a sign or a space is no part of a name.
            let digits = !layer.is_empty() && layer.bytes().all(|byte| byte.is_ascii_digit());
            let layer = layer.parse().ok().filter(|i: &usize| digits && *i < has.len());
            let Some(layer) = layer else { return Err(unknown(name, &has)) };
            let found = [0, 1].map(|kind| kinds[kind] && has[layer][kind]);
            // Both of a layer may be one, but what is named alone must be there.
            if found == [false; 2] {
                return Err(unknown(name, &has));
            }
            for kind in [0, 1] {
                frozen[layer][kind] |= found[kind];
            }
        }
        if frozen == has {
            return Err(Failure::usage("--freeze names all parameters: leave one out, or nothing is left to learn"));
        }
        Ok(frozen)
    }
}

fn unknown(name: &str, has: &[[bool; 2]]) -> Failure {
    let shown = crate::text::visible(name);
    let of = |(i, [weights, others]): (usize, &[bool; 2])| {
        let names = [(*weights, "weight"), (*others, "bias")];
        names.into_iter().filter(|(has, _)| *has).map(|(_, name)| format!("{i}.{name}")).collect::<Vec<_>>()
    };
    let mut names: Vec<_> = has.iter().enumerate().flat_map(of).collect();
    if names.len() > 12 {
        names.truncate(12);
        names.push("...".to_owned());
    }
    Failure::usage(format!(
        "--freeze {shown}: no parameters of this network are called so; there are {}",
        names.join(", ")
    ))
}

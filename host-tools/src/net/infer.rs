//! The list of layers of a plain `torch.nn.Sequential`, from the names and shapes of its tensors.
//!
//! Its tensors are called `0.weight`, `0.bias`, `2.weight` and so on, perhaps all behind one prefix. Shapes tell dense layers, convolutions, norms
//! with running statistics and PReLU apart. A gap in the numbers is a layer without parameters: the first one is taken for a ReLU, and where a dense
//! layer follows an image, one is a flatten. Strides, padding and pools have no tensors: they are used only if the shapes allow one choice alone.
mod choice;
mod parts;

use super::assemble::Shapes;
use super::{Assembled, Net, assemble};
use crate::tensors::Bundle;
use crate::{Failure, Result};
use choice::{Choice, fitting};
use parts::{Kind, Part, parts};
use shatterscope::plan::Want;

/// A list that was inferred.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// The list as TOML.
    pub text: String,
    /// What has been assumed, or why the list cannot be used as it is.
    pub said: String,
    /// Whether the shapes allow this list alone.
    pub certain: bool,
}

impl Inferred {
    /// The network of the list.
    ///
    /// # Errors
    /// A list that is not certain; as [`assemble()`].
    pub fn assemble(&self, bundle: &Bundle, shapes: &Shapes, want: Want) -> Result<Assembled> {
        if !self.certain {
            return Err(Failure::failed(self.said.clone()));
        }
        assemble(bundle, &Net::parse(&self.text)?, shapes, want)
    }
}

/// Infers the list.
///
/// # Errors
/// Tensors that are not those of a `torch.nn.Sequential`, or of layers that are not known.
pub fn infer(bundle: &Bundle, shapes: &Shapes) -> Result<Inferred> {
    let parts = parts(bundle).map_err(Failure::failed)?;
    let images = parts.iter().any(|part| matches!(part.kind, Kind::Conv { .. }));
    let input = shapes.get("input").and_then(|extents| match &extents[..] {
        [1, rest @ ..] => rest.iter().map(|&n| u32::try_from(n).ok()).collect::<Option<Vec<u32>>>(),
        _ => None,
    });
    const CORRECT: &str = "save the list as NET.toml, correct it and give it with --net NET.toml";
    if !images {
        let said = format!(
            "the layers are inferred: each gap in the numbers is a ReLU, more than one a ReLU and layers that do nothing in inference, eps is 1e-5, \
             and nothing follows the last tensor; where that is wrong, {CORRECT}"
        );
        let input = input.or_else(|| parts.first().and_then(Part::units).map(|units| vec![units]));
        return Ok(Inferred { text: text(&parts, input.as_deref(), Choice::PLAIN), said, certain: true });
    }
    let first = parts.iter().find_map(|part| if let Kind::Conv { input, .. } = part.kind { Some(input) } else { None });
    let Some(input) = input else {
        let channels = first.unwrap_or(1);
        let said = format!(
            "weights alone do not tell the size of the images: give --shape input=1x{channels}xROWSxCOLUMNS, or {CORRECT}"
        );
        return Ok(Inferred { text: text(&parts, None, Choice::PLAIN), said, certain: false });
    };
    let all = fitting(&parts, &input);
    let only = if let [only] = all[..] { Some(only) } else { None };
    // A pool can be of maxima or of means, and without a dense layer behind the images nothing holds a choice against the file.
    let told = parts.iter().any(|part| matches!(part.kind, Kind::Dense { .. }));
    let certain = only.is_some_and(|choice| !choice.pools) && told;
    let choice = all.first().copied().unwrap_or(Choice::PLAIN);
    let said = match only {
        Some(choice) if certain => format!(
            "the layers are inferred: of the strides 1 and 2, no padding or padding that keeps the size, and pools of 2 x 2, the shapes allow stride {} and \
             {} alone; gaps in the numbers are ReLU and flatten, eps is 1e-5, and nothing follows the last tensor; where that is wrong, {CORRECT}",
            choice.stride,
            if choice.same { "padding that keeps the size" } else { "no padding" },
        ),
        _ => {
            let fit = match all.len() {
                0 => "none fits".to_owned(),
                1 => "1 fits".to_owned(),
                n => format!("{n} fit"),
            };
            format!(
                "weights alone do not tell strides, padding and pools; of the usual choices {fit} their shapes: {CORRECT}"
            )
        }
    };
    Ok(Inferred { text: text(&parts, Some(&input), choice), said, certain })
}

/// The list as TOML.
fn text(parts: &[Part], input: Option<&[u32]>, choice: Choice) -> String {
    let mut text = match input {
        Some(extents) => format!("input = {extents:?}\n"),
        None => "# input = [channels, rows, columns]\n".to_owned(),
    };
    text += "layers = [\n";
    let image = input.is_none_or(|extents| extents.len() > 1);
    for line in choice::lines(parts, input.and_then(|extents| extents.first().copied()), image, choice) {
        text += &format!("  {line},\n");
    }
    text + "]\n"
}

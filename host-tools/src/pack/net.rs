use crate::{Failure, Result, decimal};
use serde::Deserialize;
use std::fmt;
use std::path::Path;

/// A list of layers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Net {
    /// In the order of the data.
    pub layers: Vec<Entry>,
}

/// One of them. Numbers are as the file has them; they are rounded to f32 when the list is packed, which refuses what f32 does not hold.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// The tensors `NAME.weight` and, if it is there, `NAME.bias`.
    Dense(String),
    /// max(x, 0).
    Relu,
    /// relu(x) and relu(-x), next to each other.
    Crelu,
    /// Minus the mean over the points.
    #[serde(alias = "center")]
    Centre,
    /// Over the points, without learned scale.
    BatchNorm {
        /// Added to the variance under the root.
        eps: f64,
    },
    /// Keeps its input.
    Fork,
    /// `a * kept + b * branch`.
    Join {
        /// Scale of what was kept.
        a: f64,
        /// Scale of the branch.
        b: f64,
    },
}

impl Net {
    /// Reads a list.
    ///
    /// # Errors
    /// A file that cannot be read, or is no such list.
    pub fn read(path: &Path) -> Result<Self> {
        let text = crate::read::text(path, "cannot read")?;
        Self::parse(&text).map_err(|error| Failure { message: format!("{}, {error}", path.display()), ..error })
    }

    /// The same of a file's text.
    ///
    /// # Errors
    /// A text that is no such list, with the line.
    pub fn parse(text: &str) -> Result<Self> {
        decimal::check_toml(text).map_err(Failure::failed)?;
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            let message = error.message().replace('\n', " ");
            Failure::failed(format!("line {line}: {message}"))
        })
    }
}

/// `value` as f32.
///
/// # Errors
/// What f32 does not hold: NaN, infinity, a number that would become infinite or zero.
fn narrow(key: &str, value: f64) -> std::result::Result<f32, String> {
    decimal::narrow(value).map_err(|error| format!("{key} = {error}"))
}

/// The eps of a batch norm.
///
/// # Errors
/// As [`narrow`]; 0 and less.
pub(super) fn eps(value: f64) -> std::result::Result<f32, String> {
    if value <= 0.0 {
        return Err(format!("eps = {value:?}: it must be above 0 (PyTorch's default is 1e-5)"));
    }
    narrow("eps", value)
}

/// The scales of a join, of either sign.
///
/// # Errors
/// As [`narrow`].
pub(super) fn scales(a: f64, b: f64) -> std::result::Result<(f32, f32), String> {
    Ok((narrow("a", a)?, narrow("b", b)?))
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Entry::Dense(name) => return write!(f, "dense {name}"),
            Entry::Relu => "relu",
            Entry::Crelu => "crelu",
            Entry::Centre => "centre",
            Entry::BatchNorm { .. } => "batch-norm",
            Entry::Fork => "fork",
            Entry::Join { .. } => "join",
        })
    }
}

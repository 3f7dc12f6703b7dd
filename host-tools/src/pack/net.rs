use crate::{Failure, Result};
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

/// One of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The tensors `NAME.weight` and, if it is there, `NAME.bias`.
    Dense(String),
    /// max(x, 0).
    Relu,
    /// relu(x) and relu(-x), next to each other.
    Crelu,
    /// Minus the mean over the points.
    Centre,
    /// Over the points, without learned scale.
    BatchNorm {
        /// Under the root.
        eps: f32,
    },
    /// Keeps its input.
    Fork,
    /// `a * kept + b * branch`.
    Join {
        /// Scale of what was kept.
        a: f32,
        /// Scale of the branch.
        b: f32,
    },
}

impl Net {
    /// Reads a list.
    ///
    /// # Errors
    /// A file that cannot be read, or is no such list.
    pub fn read(path: &Path) -> Result<Self> {
        let text = crate::read::text(path, "cannot read")?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Failure::failed(format!("{}, line {line}: {}", path.display(), error.message()))
        })
    }
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

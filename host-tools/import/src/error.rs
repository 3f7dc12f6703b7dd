//! Errors: one line each that says what is wrong, where, what was expected and what was found.
use std::{collections::HashMap, fmt, io, path::PathBuf};

/// Why a model was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Bytes that are not in the format.
    #[error("not a valid {format} file: {what}")]
    Malformed {
        /// `ONNX` or `TFLite`.
        format: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Operations that this crate does not support, all of them.
    #[error("{}", Listed(.0))]
    Unsupported(Vec<Unsupported>),
    /// A TFLite network of integers.
    #[error(
        "quantised networks are not supported yet: tensor {} of {operator} is {element}; use the f32 version of the \
         model",
        quoted(tensor)
    )]
    Quantised {
        /// The first tensor of integers that an operation computes with.
        tensor: String,
        /// The operator that uses it, with its position.
        operator: String,
        /// Its element type.
        element: &'static str,
    },
    /// A node whose attributes or operands do not fit.
    #[error("{node}: {what}")]
    Node {
        /// The node's operator and name.
        node: String,
        /// What is wrong: expected and found.
        what: String,
    },
    /// A tensor whose data do not fit.
    #[error("tensor {}: {what}", quoted(tensor))]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// What is wrong: expected and found.
        what: String,
    },
    /// An input whose shape or type does not fit, or is not known.
    #[error("input {}: {what}", quoted(input))]
    Input {
        /// The input's name.
        input: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A value that nothing computes.
    #[error("value {} is needed by {user}, but no node, input or tensor of the file defines it", quoted(value))]
    Missing {
        /// The value's name.
        value: String,
        /// What needs it.
        user: String,
    },
    /// Nodes that need each other.
    #[error("the graph has a cycle: {}", nodes.join(" -> "))]
    Cycle {
        /// The nodes of the cycle, at most ten of them.
        nodes: Vec<String>,
    },
    /// A name in the options that the model does not have.
    #[error("the model has no input {}; its inputs are {inputs}", quoted(name))]
    UnknownInput {
        /// The name given.
        name: String,
        /// The names that there are.
        inputs: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A node that cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The node's name in the file, or its position.
    pub node: String,
    /// The operator, with its domain where that is not ONNX's own.
    pub kind: String,
    /// What of the operator is not supported; empty if nothing of it is.
    pub why: String,
}

impl Error {
    pub(crate) fn onnx(what: impl Into<String>) -> Self {
        Self::Malformed { format: "ONNX", what: cut(what) }
    }

    pub(crate) fn tflite(what: impl Into<String>) -> Self {
        Self::Malformed { format: "TFLite", what: cut(what) }
    }

    pub(crate) fn tensor(tensor: &str, what: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.to_owned(), what: cut(what) }
    }

    pub(crate) fn input(input: &str, what: impl Into<String>) -> Self {
        Self::Input { input: input.to_owned(), what: cut(what) }
    }
}

/// The line of a list of unsupported operations: operators in the order of the file, each with its nodes.
struct Listed<'a>(&'a [Unsupported]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<(&Unsupported, Vec<&str>)> = Vec::new();
        let mut known = HashMap::new();
        for unsupported in self.0 {
            let group = *known.entry((&unsupported.kind, &unsupported.why)).or_insert_with(|| {
                groups.push((unsupported, Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(&unsupported.node);
        }
        write!(f, "unsupported operations ({}): ", self.0.len())?;
        for (i, (of, nodes)) in groups.iter().take(50).enumerate() {
            write!(f, "{}{}", if i > 0 { "; " } else { "" }, shown(&of.kind))?;
            if !of.why.is_empty() {
                write!(f, ", {}", of.why)?;
            }
            for (j, node) in nodes.iter().take(8).enumerate() {
                write!(f, "{}{}", if j > 0 { ", " } else { " (" }, shown(node))?;
            }
            match nodes.len() {
                n if n > 8 => write!(f, " and {} more)", n - 8)?,
                _ => f.write_str(")")?,
            }
        }
        match groups.len() {
            n if n > 50 => write!(f, "; and {} more kinds", n - 50),
            _ => Ok(()),
        }
    }
}

/// Text of this crate with numbers of a file in it, which may be many: cut after 300 characters.
pub(crate) fn cut(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((at, _)) = text.char_indices().nth(300) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}

/// Foreign text on one line: control characters escaped, cut after 80 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        line.push_str("...");
    }
    line
}

/// The same in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

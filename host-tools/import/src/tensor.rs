//! Constants.
use crate::error::{Error, Result};

/// Elements with their shape. Floating-point types are converted to f32, integers to i64.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// f32; f16 and bf16 are exact, f64 is rounded to nearest, ties to even.
    F32 {
        /// The dimensions.
        shape: Vec<usize>,
        /// The elements, the last axis fastest.
        data: Vec<f32>,
    },
    /// Integers of any width.
    I64 {
        /// The dimensions.
        shape: Vec<usize>,
        /// The elements, the last axis fastest.
        data: Vec<i64>,
    },
    /// Truth values.
    Bool {
        /// The dimensions.
        shape: Vec<usize>,
        /// The elements, the last axis fastest.
        data: Vec<bool>,
    },
}

impl Tensor {
    /// The dimensions.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32 { shape, .. } | Self::I64 { shape, .. } | Self::Bool { shape, .. } => shape,
        }
    }

    /// The number of elements.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a tensor without elements is an ordinary one")]
    pub fn len(&self) -> usize {
        match self {
            Self::F32 { data, .. } => data.len(),
            Self::I64 { data, .. } => data.len(),
            Self::Bool { data, .. } => data.len(),
        }
    }

    /// The elements of a tensor of f32.
    #[must_use]
    pub fn floats(&self) -> Option<&[f32]> {
        match self {
            Self::F32 { data, .. } => Some(data),
            _ => None,
        }
    }

    /// The elements of a tensor of integers.
    #[must_use]
    pub fn integers(&self) -> Option<&[i64]> {
        match self {
            Self::I64 { data, .. } => Some(data),
            _ => None,
        }
    }

    /// The name of the element type.
    #[must_use]
    pub const fn element(&self) -> &'static str {
        match self {
            Self::F32 { .. } => "f32",
            Self::I64 { .. } => "i64",
            Self::Bool { .. } => "bool",
        }
    }

    /// The same elements in another shape of as many, which the caller has checked.
    #[must_use]
    pub(crate) fn reshaped(&self, to: Vec<usize>) -> Self {
        match self {
            Self::F32 { data, .. } => Self::F32 { shape: to, data: data.clone() },
            Self::I64 { data, .. } => Self::I64 { shape: to, data: data.clone() },
            Self::Bool { data, .. } => Self::Bool { shape: to, data: data.clone() },
        }
    }

    /// A single f32.
    pub(crate) fn scalar(value: f32) -> Self {
        Self::F32 { shape: Vec::new(), data: vec![value] }
    }

    /// A list of integers.
    pub(crate) fn list(data: Vec<i64>) -> Self {
        Self::I64 { shape: vec![data.len()], data }
    }

    /// The element of a tensor of f32 with a single one.
    pub(crate) fn as_scalar(&self) -> Option<f32> {
        match self {
            Self::F32 { data, .. } => match data.as_slice() {
                [value] => Some(*value),
                _ => None,
            },
            _ => None,
        }
    }
}

/// f64 to f32, to nearest, ties to even; a value too small for f32 becomes zero or subnormal.
///
/// # Errors
/// A finite value that rounds to infinity.
pub(crate) fn narrow(tensor: &str, values: impl Iterator<Item = f64>) -> Result<Vec<f32>> {
    values
        .enumerate()
        .map(|(index, value)| {
            let narrow = value as f32;
            if narrow.is_infinite() && value.is_finite() {
                let what = format!("element {index} is {value:e}, which f32 cannot hold (at most {:e})", f32::MAX);
                return Err(Error::tensor(tensor, what));
            }
            Ok(narrow)
        })
        .collect()
}

//! What a caller says about a model.
use crate::{
    error::{Error, Result, quoted},
    int8::Profile,
    shape,
    tensor::Tensor,
};
use std::collections::BTreeMap;

/// How a model is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The first dimension of inputs that leave it open; 1 if not given.
    pub batch: Option<usize>,
    /// Shapes of inputs, by name. They may only differ from the file's where that leaves a dimension open.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Inputs that are constant, by name.
    pub bind: BTreeMap<String, Tensor>,
    /// Whether GELU, SiLU, HardSwish, softplus and layer norm are recognised where they are written out as several operations. It changes bits.
    pub recognise: bool,
    /// Whether a batch norm after a convolution becomes part of it: computed in f64, rounded once. It changes bits.
    pub fold: bool,
    /// Which interpreter's fixed point and rounding operators on int8 have.
    pub profile: Profile,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: None,
            shapes: BTreeMap::new(),
            bind: BTreeMap::new(),
            recognise: true,
            fold: false,
            profile: Profile::Tflm,
        }
    }
}

/// A dimension as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Fixed.
    Fixed(usize),
    /// Open; dimensions of the same name that is not empty are the same.
    Open(String),
}

impl Options {
    /// Names that no input has are an error.
    pub(crate) fn check(&self, inputs: &[&str]) -> Result<()> {
        if self.batch == Some(0) {
            return Err(Error::input("batch", "a batch of 0 has no elements; give 1 or more"));
        }
        match self.shapes.keys().chain(self.bind.keys()).find(|name| !inputs.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let inputs = inputs.iter().take(8).map(|n| quoted(n)).collect::<Vec<_>>().join(", ");
                Err(Error::UnknownInput { name: name.clone(), inputs })
            }
        }
    }

    /// The shape of an input whose dimensions the file has, or none. `known` are dimensions by their names, from all inputs.
    pub(crate) fn shape(
        &self,
        name: &str,
        dimensions: Option<&[Dimension]>,
        known: &mut BTreeMap<String, usize>,
    ) -> Result<Vec<usize>> {
        let given = self.shapes.get(name).map(Vec::as_slice).or_else(|| self.bind.get(name).map(Tensor::shape));
        let shape = match (given, dimensions) {
            (Some(given), None) => given.to_vec(),
            (None, None) => return Err(Error::input(name, "the file has no shape for it; give one with its name")),
            (Some(given), Some(dimensions)) => {
                let fits = given.len() == dimensions.len()
                    && given.iter().zip(dimensions).all(|(&n, d)| match d {
                        Dimension::Fixed(m) => n == *m,
                        Dimension::Open(_) => true,
                    });
                if !fits {
                    let what = format!("shape {given:?} was given, and the file has {}", listed(dimensions));
                    return Err(Error::input(name, what));
                }
                for (&n, dimension) in given.iter().zip(dimensions) {
                    if let Dimension::Open(label) = dimension
                        && !label.is_empty()
                        && *known.entry(label.clone()).or_insert(n) != n
                    {
                        let what =
                            format!("dimension {} is {n} here, and another number in another input", quoted(label));
                        return Err(Error::input(name, what));
                    }
                }
                given.to_vec()
            }
            (None, Some(dimensions)) => {
                let resolve = |(axis, dimension): (usize, &Dimension)| match dimension {
                    Dimension::Fixed(n) => Ok(*n),
                    Dimension::Open(label) => match (known.get(label), axis) {
                        (Some(&n), _) if !label.is_empty() => Ok(n),
                        (_, 0) => Ok(self.batch.unwrap_or(1)),
                        _ => Err(Error::input(
                            name,
                            format!(
                                "its shape {} leaves axis {axis} open; give the shape of the input",
                                listed(dimensions)
                            ),
                        )),
                    },
                };
                dimensions.iter().enumerate().map(resolve).collect::<Result<Vec<_>>>()?
            }
        };
        shape::elements(&shape).map_err(|e| Error::input(name, e))?;
        Ok(shape)
    }

    /// The constant of an input, if it is bound to one.
    pub(crate) fn bound(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(tensor) = self.bind.get(name) else { return Ok(None) };
        match shape::elements(tensor.shape()) {
            Ok(n) if n == tensor.len() => Ok(Some(tensor.clone())),
            Ok(n) => Err(Error::input(
                name,
                format!("bound to {} elements, expected {n} for shape {:?}", tensor.len(), tensor.shape()),
            )),
            Err(e) => Err(Error::input(name, e)),
        }
    }
}

/// Dimensions as a file has them.
fn listed(dimensions: &[Dimension]) -> String {
    let each = dimensions.iter().take(shape::MAX_RANK).map(|d| match d {
        Dimension::Fixed(n) => n.to_string(),
        Dimension::Open(label) if label.is_empty() => "?".to_owned(),
        Dimension::Open(label) => crate::error::shown(label),
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

//! Inputs, constants and operators of a file, as values and nodes.
use super::{Operator, Reader, convert, is_int8, is_known, names};
use crate::{
    builder::Element,
    error::{Error, Result, quoted},
    int8::Quantisation,
    model::ValueId,
    onnx_format::{Type, raw_tensor},
    options::{Dimension, Options},
    shape,
    tensor::Tensor,
};
use std::collections::{BTreeMap, HashSet};

impl Reader<'_> {
    /// Inputs that are used, as values.
    pub fn inputs(&mut self, inputs: &[usize], used: &HashSet<usize>, options: &Options) -> Result<Vec<ValueId>> {
        options.check(&inputs.iter().map(|&i| self.tensors[i].name.as_str()).collect::<Vec<_>>())?;
        let mut placed = Vec::new();
        for &i in inputs.iter().filter(|i| used.contains(i)) {
            let info = &self.tensors[i];
            if self.values[i].is_some() || info.data.is_some() {
                return Err(Error::input(&info.name, "it is an input twice, or an input with data"));
            }
            let open = info.signature.len() == info.shape.len();
            let dimensions = info.shape.iter().enumerate().map(|(axis, &n)| {
                if open && info.signature[axis] == -1 {
                    return Ok(Dimension::Open(String::new()));
                }
                let bad = |_| Error::input(&info.name, format!("a dimension of {n}"));
                usize::try_from(n).map(Dimension::Fixed).map_err(bad)
            });
            let dimensions = dimensions.collect::<Result<Vec<_>>>()?;
            let shape = options.shape(&info.name, Some(&dimensions), &mut BTreeMap::new())?;
            if shape.contains(&0) {
                return Err(Error::input(&info.name, format!("shape {shape:?} has no elements")));
            }
            self.fixed &= shape.iter().zip(&info.shape).all(|(&n, &m)| i64::try_from(n) == Ok(i64::from(m)));
            let (name, element) = (info.name.clone(), info.element);
            let kind = match element {
                0 => Element::Float,
                9 => Element::Int8,
                other => Element::Other(names::element(other)),
            };
            let id = match options.bound(&name)? {
                Some(tensor) if (tensor.floats().is_some()) == (kind == Element::Float) => {
                    self.builder.constant(&name, tensor)
                }
                Some(tensor) => {
                    let what = format!("bound to {}, expected {}", tensor.element(), names::element(element));
                    return Err(Error::input(&name, what));
                }
                None => {
                    let id = self.builder.input(&name, shape, kind);
                    if kind == Element::Int8 {
                        self.builder.values[id].quantisation = self.scale(i)?;
                    }
                    placed.push(id);
                    id
                }
            };
            self.values[i] = Some(id);
        }
        Ok(placed)
    }

    /// The scale and the zero point of an input of int8.
    fn scale(&self, tensor: usize) -> Result<Option<Quantisation>> {
        let info = &self.tensors[tensor];
        match &info.quantisation {
            Some(q) if q.scales.len() == 1 && i8::try_from(q.zeros[0]).is_ok() => Ok(Some(q.clone())),
            _ => Err(Error::input(
                &info.name,
                "it is of int8, and has not one scale and one zero point from -128 to 127",
            )),
        }
    }

    /// The value of a tensor: computed before, an input, or a constant.
    pub fn value(&mut self, tensor: usize) -> Result<Option<ValueId>> {
        let info = &self.tensors[tensor];
        let (None, Some(bytes)) = (self.values[tensor], info.data) else { return Ok(self.values[tensor]) };
        let kind = match info.element {
            0 => Type::F32,
            1 => Type::F16,
            2 => Type::I32,
            4 => Type::I64,
            6 => Type::Bool,
            9 => Type::I8,
            10 => Type::F64,
            18 => Type::Bf16,
            other => {
                let what = format!("element type {} is not supported", names::element(other));
                return Err(Error::tensor(&info.name, what));
            }
        };
        let sizes = info.shape.iter().map(|&n| usize::try_from(n).ok()).collect::<Option<Vec<_>>>();
        let shape = sizes.ok_or_else(|| Error::tensor(&info.name, format!("shape {:?}", info.shape)))?;
        let n = shape::elements(&shape).map_err(|e| Error::tensor(&info.name, e))?;
        if n.checked_mul(kind.bytes()) != Some(bytes.len()) {
            let what =
                format!("{} bytes of data, expected {n} times {} for shape {shape:?}", bytes.len(), kind.bytes());
            return Err(Error::tensor(&info.name, what));
        }
        let converted: Tensor = raw_tensor(&info.name, kind, shape, bytes)?;
        let id = self.builder.constant(&info.name, converted);
        self.builder.values[id].quantisation = info.quantisation.clone();
        self.values[tensor] = Some(id);
        Ok(Some(id))
    }

    pub fn operators(&mut self, operators: &[Operator<'_>], mut unsupported: Vec<crate::Unsupported>) -> Result<()> {
        // Tensors that an unsupported operator would have computed.
        let mut unknown: HashSet<usize> = HashSet::new();
        for operator in operators {
            let known =
                is_known(operator, &self.tensors) && !operator.inputs.iter().flatten().any(|i| unknown.contains(i));
            let outcome = if known { self.operator(operator) } else { Ok(None) };
            let result = match outcome {
                Ok(result) => result,
                Err(Error::Unsupported(list)) => {
                    unsupported.extend(list);
                    None
                }
                Err(error) if unsupported.is_empty() => return Err(error),
                Err(_) => None,
            };
            match (result, operator.outputs.as_slice()) {
                (Some(id), &[output]) => {
                    if self.builder.values[id].name.is_empty() {
                        self.builder.values[id].name = self.tensors[output].name.clone();
                    }
                    self.values[output] = Some(id);
                }
                (None, outputs) => unknown.extend(outputs),
                _ => return Err(operator.site.error(format!("{} outputs, expected 1", operator.outputs.len()))),
            }
        }
        if unsupported.is_empty() { Ok(()) } else { Err(Error::Unsupported(unsupported)) }
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<Option<ValueId>> {
        let mut operands = Vec::with_capacity(operator.inputs.len());
        for &input in &operator.inputs {
            operands.push(match input {
                None => None,
                Some(i) => Some(self.value(i)?.ok_or_else(|| Error::Missing {
                    value: self.tensors[i].name.clone(),
                    user: format!("{} {}", operator.site.kind, quoted(&operator.site.name)),
                })?),
            });
        }
        if let Some(&output) = operator.outputs.first()
            && (self.values[output].is_some() || self.tensors[output].data.is_some())
        {
            return Err(operator.site.error("its output is an input, a constant or computed twice"));
        }
        let (int8, tensor) = (is_int8(operator, &self.tensors), operator.outputs.first().map(|&o| &self.tensors[o]));
        let output = convert::int8::Output {
            quantisation: tensor.and_then(|t| t.quantisation.as_ref()),
            int8: tensor.is_some_and(|t| t.element == 9),
        };
        let scope = convert::Scope {
            site: &operator.site,
            code: operator.code,
            builder: &mut self.builder,
            operands,
            options: operator.options,
        };
        let id = if int8 { convert::int8::convert(scope, &output)? } else { convert::convert(scope)? };
        if let (true, Some(&output)) = (self.fixed, operator.outputs.first()) {
            let (found, file) = (self.builder.shape(id), &self.tensors[output].shape);
            // A tensor without a shape is one whose shape is not known.
            let same = found.len() == file.len() && found.iter().zip(file).all(|(&n, &m)| usize::try_from(m) == Ok(n));
            if !same && !file.is_empty() {
                return Err(operator
                    .site
                    .error(format!("its output has shape {file:?} in the file, expected {found:?}")));
            }
        }
        Ok(Some(id))
    }
}

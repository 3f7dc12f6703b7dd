//! What the conversion of a node sees.
use super::{
    proto::{AttributeProto, NodeProto},
    tensors::{self, External},
};
use crate::{
    builder::{Builder, Element, Site},
    error::{Error, Result, quoted},
    model::ValueId,
    operation::Operation,
    shape,
    tensor::Tensor,
};

/// Results in the order of the node's outputs; one that is `None`, or is not in the list, may not be used.
pub type Results = Result<Vec<Option<ValueId>>>;

/// A node, its operands, and the graph that it is added to.
pub struct Scope<'s, 'a> {
    pub site: Site,
    pub builder: &'s mut Builder,
    pub node: &'a NodeProto,
    pub operands: Vec<Option<ValueId>>,
    /// The version of the operators.
    pub version: i64,
    pub external: &'s mut External<'a>,
}

impl<'a> Scope<'_, 'a> {
    pub fn error(&self, what: impl Into<String>) -> Error {
        self.site.error(what)
    }

    pub fn unsupported<T>(&self, why: impl Into<String>) -> Result<T> {
        Err(self.site.unsupported(why))
    }

    /// What a computation of shapes says, at this node.
    pub fn at<T>(&self, outcome: shape::Outcome<T>) -> Result<T> {
        outcome.map_err(|e| self.error(e))
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|a| a.name.as_deref() == Some(name))
    }

    /// Whether the node has an attribute.
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// An attribute of one kind: the type, where the file has it, has to be that of the kind.
    fn typed<T>(
        &self,
        name: &str,
        number: i32,
        get: impl FnOnce(&'a AttributeProto) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(attribute) = self.attribute(name) else { return Ok(None) };
        match attribute.r#type {
            None | Some(0) => {}
            Some(found) if found == number => {}
            Some(found) => {
                return Err(self.error(format!("attribute `{name}` has type {found}, expected {number}")));
            }
        }
        get(attribute).map(Some).ok_or_else(|| self.error(format!("attribute `{name}` has no value of its type")))
    }

    pub fn float(&self, name: &str, default: f32) -> Result<f32> {
        // A zero may be left out of a file.
        Ok(self.typed(name, 1, |a| Some(a.f.unwrap_or(0.0)))?.unwrap_or(default))
    }

    pub fn maybe_int(&self, name: &str) -> Result<Option<i64>> {
        self.typed(name, 2, |a| Some(a.i.unwrap_or(0)))
    }

    pub fn int(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.maybe_int(name)?.unwrap_or(default))
    }

    pub fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.int(name, 0)? != 0)
    }

    pub fn text(&self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.typed(name, 3, |a| a.s.as_deref())? {
            None => Ok(default),
            Some(bytes) => {
                std::str::from_utf8(bytes).map_err(|_| self.error(format!("attribute `{name}` is not UTF-8")))
            }
        }
    }

    pub fn ints(&self, name: &str) -> Result<Option<&'a [i64]>> {
        self.typed(name, 7, |a| Some(a.ints.as_slice()))
    }

    pub fn floats(&self, name: &str) -> Result<Option<&'a [f32]>> {
        self.typed(name, 6, |a| Some(a.floats.as_slice()))
    }

    pub fn tensor(&mut self, name: &str) -> Result<Option<Tensor>> {
        match self.typed(name, 4, |a| a.t.as_ref())? {
            None => Ok(None),
            Some(proto) => {
                let label = format!("{} of {}", name, self.site.name);
                tensors::convert(&label, proto, self.external).map(Some)
            }
        }
    }

    /// An attribute of non-negative numbers.
    pub fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>> {
        let Some(ints) = self.ints(name)? else { return Ok(None) };
        if ints.len() > 2 * shape::MAX_RANK {
            return Err(self.error(format!("attribute `{name}` has {} numbers", ints.len())));
        }
        let each = ints.iter().map(|&n| match u32::try_from(n) {
            Ok(n) => Ok(n as usize),
            Err(_) => {
                Err(self.error(format!("attribute `{name}` is {ints:?}, expected numbers that are not negative")))
            }
        });
        each.collect::<Result<Vec<_>>>().map(Some)
    }

    /// Operand `i`, if it is given.
    pub fn optional(&self, i: usize) -> Option<ValueId> {
        self.operands.get(i).copied().flatten()
    }

    /// Operand `i`.
    pub fn operand(&self, i: usize) -> Result<ValueId> {
        self.optional(i).ok_or_else(|| self.error(format!("operand {i} is missing")))
    }

    /// All operands; none may be left out.
    pub fn all(&self) -> Result<Vec<ValueId>> {
        if self.operands.is_empty() {
            return Err(self.error("it has no operands"));
        }
        (0..self.operands.len()).map(|i| self.operand(i)).collect()
    }

    pub fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.shape(id).to_vec()
    }

    /// The elements of an operand that has to be constant.
    pub fn constant(&self, id: ValueId, what: &str) -> Result<&Tensor> {
        self.builder.tensor(id).ok_or_else(|| {
            let name = &self.builder.values[id].name;
            let which = if name.is_empty() { String::new() } else { format!(" {}", quoted(name)) };
            self.site
                .unsupported(format!("its {what}{which} depends on an input and has to be constant: bind that input"))
        })
    }

    /// An operand of integers that has to be constant, if it is given.
    pub fn constant_ints(&self, i: usize, what: &str) -> Result<Option<Vec<i64>>> {
        let Some(id) = self.optional(i) else { return Ok(None) };
        match self.constant(id, what)? {
            Tensor::I64 { data, .. } => Ok(Some(data.clone())),
            other => Err(self.error(format!("its {what} is of {}, expected integers", other.element()))),
        }
    }

    /// Axes from an attribute before a version, from an operand since.
    pub fn attribute_or_operand(&self, name: &str, since: i64, operand: usize) -> Result<Option<Vec<i64>>> {
        if self.version < since { Ok(self.ints(name)?.map(<[i64]>::to_vec)) } else { self.constant_ints(operand, name) }
    }

    pub fn emit(&mut self, op: Operation, inputs: &[ValueId]) -> Result<ValueId> {
        self.builder.emit(&self.site, op, inputs, None)
    }

    pub fn emit_shaped(&mut self, op: Operation, inputs: &[ValueId], shape: &[usize]) -> Result<ValueId> {
        self.builder.emit(&self.site, op, inputs, Some(shape))
    }

    pub fn reshape(&mut self, x: ValueId, to: &[usize]) -> Result<ValueId> {
        self.builder.reshape(&self.site, x, to)
    }

    /// A single f32 as an operand.
    pub fn number(&mut self, value: f32) -> ValueId {
        self.builder.constant("", Tensor::scalar(value))
    }

    pub fn fresh(&mut self, tensor: Tensor) -> ValueId {
        self.builder.constant("", tensor)
    }

    /// Counts elements that are about to be made.
    pub fn spend(&mut self, elements: usize) -> Result<()> {
        self.builder.spend(&self.site, elements)
    }

    /// Sizes from integers that are not negative.
    pub fn to_shape(&self, dims: &[i64]) -> Result<Vec<usize>> {
        let label = format!("shape of {}", self.site.name);
        tensors::dimensions(&label, dims).map(|(shape, _)| shape)
    }

    /// Sizes from integers, for a list that is not a shape.
    pub fn to_sizes(&self, list: &[i64]) -> Result<Vec<usize>> {
        let size = |&n: &i64| u32::try_from(n).map(|n| n as usize);
        list.iter()
            .map(size)
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| self.error(format!("{:?}: expected numbers from 0 to 2^32 - 1", &list[..list.len().min(8)])))
    }

    /// Whether the value is of floating point.
    pub fn is_float(&self, id: ValueId) -> bool {
        self.builder.kinds[id] == Element::Float
    }

    /// An axis that counts from the end where it is negative.
    pub fn axis(&self, given: i64, rank: usize) -> Result<usize> {
        self.at(shape::axis(given, rank))
    }
}

/// A single result.
pub fn one(id: ValueId) -> Results {
    Ok(vec![Some(id)])
}

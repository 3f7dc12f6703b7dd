//! ONNX files, opsets 1 to 22.
mod graph;
mod ops;
pub mod proto;
mod scope;
mod tensors;
mod types;

pub use ops::resolve_slice;
pub use tensors::raw as raw_tensor;
pub use types::{Class, Type};

use crate::{
    builder::Builder,
    error::{Error, Result, Unsupported},
    model::{Format, Model, ValueId},
    options::{Dimension, Options},
    passes::{self, Draft},
};
use graph::Graph;
use prost::Message;
use proto::{GraphProto, ModelProto, TensorProto, ValueInfoProto};
use scope::Scope;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};
use tensors::External;

/// The newest version of the operators that is known.
const NEWEST: i64 = 22;

/// Reads a model.
pub fn read(bytes: &[u8], folder: Option<&Path>, options: &Options) -> Result<Model> {
    let model = ModelProto::decode(bytes).map_err(|e| Error::onnx(e.to_string()))?;
    let proto = model.graph.as_ref().ok_or_else(|| Error::onnx("it has no graph"))?;
    let opset = opset(&model)?;
    let graph = Graph::new(proto)?;
    let mut draft = Reader {
        proto,
        graph: &graph,
        opset,
        training: imported(&model, ops::TRAINING),
        options,
        external: External::new(folder),
        builder: Builder::new(bytes.len(), options.recognise),
        values: HashMap::new(),
        unsupported: Vec::new(),
    }
    .convert()?;
    draft.unused.extend(graph.unused());
    passes::finish(draft, options)
}

/// The version of ONNX's own operators.
fn opset(model: &ModelProto) -> Result<i64> {
    let own = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    // Before version 3 of the format there was one set of operators, and no import.
    let version = match model.opset_import.iter().filter(|o| own(&o.domain)).map(|o| o.version.unwrap_or(0)).max() {
        Some(version) => version,
        None if model.ir_version.unwrap_or(0) < 3 || !model.opset_import.is_empty() => 1,
        None => return Err(Error::onnx("it imports no set of operators")),
    };
    if (1..=NEWEST).contains(&version) {
        Ok(version)
    } else {
        Err(Error::onnx(format!("its operators have version {version}, and 1 to {NEWEST} are supported")))
    }
}

/// The version of the operators of another domain; 0 if the model does not import it.
fn imported(model: &ModelProto, domain: &str) -> i64 {
    let own = model.opset_import.iter().filter(|o| o.domain.as_deref() == Some(domain));
    own.map(|o| o.version.unwrap_or(0)).max().unwrap_or(0)
}

/// The state of a conversion.
struct Reader<'a> {
    proto: &'a GraphProto,
    graph: &'a Graph<'a>,
    opset: i64,
    /// The version of the optimisers.
    training: i64,
    options: &'a Options,
    external: External<'a>,
    builder: Builder,
    /// Values by the file's names; `None` is one that an unsupported node would have computed.
    values: HashMap<&'a str, Option<ValueId>>,
    unsupported: Vec<Unsupported>,
}

impl<'a> Reader<'a> {
    fn convert(mut self) -> Result<Draft> {
        let inputs = self.inputs()?;
        self.tensors()?;
        for &index in &self.graph.order {
            self.node(index)?;
        }
        if !self.unsupported.is_empty() {
            return Err(Error::Unsupported(self.unsupported));
        }
        let mut outputs = Vec::new();
        for output in &self.proto.output {
            let name = output.name.as_deref().unwrap_or("");
            let id = self.values.get(name).copied().flatten();
            let missing = || Error::Missing { value: name.to_owned(), user: "the output of the graph".to_owned() };
            outputs.push((name.to_owned(), id.ok_or_else(missing)?));
        }
        Ok(Draft {
            format: Format::Onnx { opset: self.opset },
            name: self.proto.name.clone().unwrap_or_default(),
            builder: self.builder,
            inputs,
            outputs,
            unused: Vec::new(),
        })
    }

    /// The inputs: those that a tensor of the file sets are none.
    fn inputs(&mut self) -> Result<Vec<ValueId>> {
        let infos: Vec<(&'a str, &'a ValueInfoProto)> = (self.proto.input.iter())
            .map(|info| (info.name.as_deref().unwrap_or(""), info))
            .filter(|(name, _)| !self.graph.initializers.contains_key(name))
            .collect();
        self.options.check(&infos.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
        let given = |name: &str| self.options.shapes.contains_key(name) || self.options.bind.contains_key(name);
        // Dimensions that the caller gives are those of the same name elsewhere.
        let mut known = BTreeMap::new();
        let mut shapes = HashMap::new();
        for pass in [true, false] {
            for &(name, info) in infos.iter().filter(|(name, _)| given(name) == pass) {
                if !self.graph.used.contains(name) && !pass {
                    continue;
                }
                let dimensions = dimensions(name, info)?;
                shapes.insert(name, self.options.shape(name, dimensions.as_deref(), &mut known)?);
            }
        }
        let mut inputs = Vec::new();
        for (name, info) in infos {
            let Some(shape) = shapes.remove(name) else { continue };
            let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).ok_or_else(|| {
                Error::input(name, "it is not a tensor; sequences, maps and optional values are not supported")
            })?;
            let kind = Type::new(i64::from(tensor.elem_type.unwrap_or(0))).map_err(|e| Error::input(name, e))?;
            let id = match self.options.bound(name)? {
                Some(tensor) => {
                    let found = tensor.element();
                    let expected = match kind.class() {
                        Class::Float => "f32",
                        Class::Integer => "i64",
                        Class::Bool => "bool",
                    };
                    if found != expected {
                        let what = format!("bound to a tensor of {found}, expected {expected} for {}", kind.name());
                        return Err(Error::input(name, what));
                    }
                    self.builder.constant(name, tensor)
                }
                None => {
                    if kind.class() == Class::Float && shape.contains(&0) {
                        return Err(Error::input(name, format!("shape {shape:?} has no elements")));
                    }
                    let id = self.builder.input(name, shape, kind.element());
                    inputs.push(id);
                    id
                }
            };
            self.values.insert(name, Some(id));
        }
        Ok(inputs)
    }

    /// The tensors that nodes or outputs use.
    fn tensors(&mut self) -> Result<()> {
        for tensor in &self.proto.initializer {
            let name = tensor.name.as_deref().unwrap_or("");
            if self.graph.used.contains(name) {
                let converted = tensors::convert(name, tensor, &mut self.external)?;
                let id = self.builder.constant(name, converted);
                self.values.insert(name, Some(id));
            }
        }
        self.builder.grant(self.external.read);
        Ok(())
    }

    fn node(&mut self, index: usize) -> Result<()> {
        let node = &self.proto.node[index];
        let site = graph::site(node, index);
        let mut operands = Vec::with_capacity(node.input.len());
        let mut known = true;
        for name in &node.input {
            match self.values.get(name.as_str()) {
                _ if name.is_empty() => operands.push(None),
                Some(Some(id)) => operands.push(Some(*id)),
                _ => known = false,
            }
        }
        let kind = node.op_type.as_deref().unwrap_or("");
        let (convert, version) = match node.domain.as_deref() {
            None | Some("" | "ai.onnx") => (ops::converter(kind), self.opset),
            Some(ops::TRAINING) => (ops::optimiser(kind), self.training),
            Some(_) => (None, 0),
        };
        let outcome = match convert {
            Some(convert) if known => {
                let scope = Scope {
                    site: site.clone(),
                    builder: &mut self.builder,
                    node,
                    operands,
                    version,
                    external: &mut self.external,
                };
                convert(scope)
            }
            Some(_) => Ok(Vec::new()),
            None => Err(site.unsupported("")),
        };
        let results = match outcome {
            Ok(results) => results,
            Err(Error::Unsupported(list)) => {
                self.unsupported.extend(list);
                Vec::new()
            }
            Err(error) if self.unsupported.is_empty() => return Err(error),
            // What is wrong here may follow from what is not supported.
            Err(_) => Vec::new(),
        };
        let known = known && !results.is_empty();
        for (i, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let id = results.get(i).copied().flatten();
            if let Some(id) = id {
                let value = &mut self.builder.values[id];
                if value.name.is_empty() {
                    value.name.clone_from(name);
                }
            }
            if known && id.is_none() && self.graph.used.contains(name.as_str()) {
                let Error::Unsupported(list) = site.unsupported(format!("output {i} of it is used")) else { continue };
                self.unsupported.extend(list);
            }
            self.values.insert(name, id);
        }
        Ok(())
    }
}

/// The dimensions of an input, if the file has them.
fn dimensions(name: &str, info: &ValueInfoProto) -> Result<Option<Vec<Dimension>>> {
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let Some(shape) = tensor.and_then(|t| t.shape.as_ref()) else { return Ok(None) };
    let each = shape.dim.iter().map(|d| match (d.dim_value, &d.dim_param) {
        // Some exporters write -1 or 0 for an open dimension.
        (Some(n), _) if n > 0 => {
            usize::try_from(n).map(Dimension::Fixed).map_err(|e| Error::input(name, e.to_string()))
        }
        (_, label) => Ok(Dimension::Open(label.clone().unwrap_or_default())),
    });
    Ok(Some(each.collect::<Result<_>>()?))
}

/// Reads a tensor from the bytes of a file of its own, as ONNX's backend tests have them.
///
/// # Errors
/// Bytes that are not a tensor, or one of an element type that is not supported.
pub fn pb_tensor(bytes: &[u8]) -> Result<crate::Tensor> {
    let proto = TensorProto::decode(bytes).map_err(|e| Error::onnx(e.to_string()))?;
    let name = proto.name.clone().unwrap_or_default();
    tensors::convert(&name, &proto, &mut External::new(None))
}

/// The name of a tensor in a file of its own.
///
/// # Errors
/// Bytes that are not a tensor.
pub fn pb_name(bytes: &[u8]) -> Result<String> {
    let proto = TensorProto::decode(bytes).map_err(|e| Error::onnx(e.to_string()))?;
    Ok(proto.name.unwrap_or_default())
}

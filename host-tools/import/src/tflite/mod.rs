//! TensorFlow Lite files of f32. Images become `[batch, channel, row, column]`: each convolution and pool gets a transpose before and after it, and
//! a later pass removes pairs that cancel.
mod convert;
mod names;
mod reader;
mod table;

use crate::{
    builder::{Builder, Site},
    error::{Error, Result, quoted},
    int8::Quantisation,
    model::{Format, Model, ValueId},
    options::Options,
    passes::{self, Draft},
};
use std::collections::HashSet;
use table::{File, Table};

/// A tensor of the file.
struct Info<'a> {
    name: String,
    shape: Vec<i32>,
    /// The shape with -1 for what is open; empty if nothing is.
    signature: Vec<i32>,
    element: u8,
    data: Option<&'a [u8]>,
    quantisation: Option<Quantisation>,
}

/// An operator of the file.
struct Operator<'a> {
    code: i32,
    site: Site,
    inputs: Vec<Option<usize>>,
    outputs: Vec<usize>,
    options: Option<Table<'a>>,
}

/// The state of a conversion.
struct Reader<'a> {
    tensors: Vec<Info<'a>>,
    builder: Builder,
    /// Values by tensor.
    values: Vec<Option<ValueId>>,
    /// Whether shapes are those of the file.
    fixed: bool,
}

/// Reads a model.
pub fn read(bytes: &[u8], options: &Options) -> Result<Model> {
    let file = File::new(bytes);
    let root = file.root()?;
    let codes = root.tables(1)?.iter().map(code).collect::<Result<Vec<_>>>()?;
    let buffers = root.tables(4)?;
    let graphs = root.tables(2)?;
    let graph = graphs.first().ok_or_else(|| Error::tflite("it has no graph"))?;
    let tensors = graph.tables(0)?.iter().map(|t| tensor(t, &buffers)).collect::<Result<Vec<_>>>()?;
    let index = |i: i32| {
        usize::try_from(i)
            .ok()
            .filter(|&i| i < tensors.len())
            .ok_or_else(|| Error::tflite(format!("tensor {i} is named, and there are {}", tensors.len())))
    };
    let indices = |list: Option<Vec<i32>>| list.unwrap_or_default().into_iter().map(index).collect::<Result<Vec<_>>>();
    let (inputs, outputs) = (indices(graph.ints(1)?)?, indices(graph.ints(2)?)?);
    if outputs.is_empty() {
        return Err(Error::tflite("its graph has no outputs"));
    }
    let mut operators = Vec::new();
    for (i, operator) in graph.tables(3)?.iter().enumerate() {
        let number = operator.int(0, 0)?;
        let (code, kind) =
            usize::try_from(number).ok().and_then(|n| codes.get(n)).cloned().ok_or_else(|| {
                Error::tflite(format!("operator {i} has code {number}, and there are {}", codes.len()))
            })?;
        let inputs = operator.ints(1)?.unwrap_or_default();
        let inputs = inputs.into_iter().map(|i| if i == -1 { Ok(None) } else { index(i).map(Some) });
        let (inputs, outputs) = (inputs.collect::<Result<Vec<_>>>()?, indices(operator.ints(2)?)?);
        let name = match outputs.first().map(|&o| tensors[o].name.as_str()) {
            Some(name) if !name.is_empty() => name.chars().take(256).collect(),
            _ => format!("operator {i}"),
        };
        operators.push(Operator { code, site: Site { name, kind }, inputs, outputs, options: operator.table(4)? });
    }
    let (operators, used) = needed(operators, &outputs);
    quantised(&operators, &tensors)?;
    let unknown: Vec<_> = (operators.iter())
        .filter(|o| !is_known(o, &tensors))
        .filter_map(|o| match o.site.unsupported("") {
            Error::Unsupported(list) => Some(list),
            _ => None,
        })
        .flatten()
        .collect();
    let mut reader = Reader {
        values: vec![None; tensors.len()],
        tensors,
        builder: Builder::new(bytes.len(), options.recognise),
        fixed: true,
    };
    let placed = reader.inputs(&inputs, &used, options)?;
    reader.operators(&operators, unknown)?;
    let outputs = outputs.iter().map(|&o| {
        let name = reader.tensors[o].name.clone();
        let id = reader
            .value(o)?
            .ok_or_else(|| Error::Missing { value: name.clone(), user: "the output of the graph".to_owned() })?;
        Ok((name, id))
    });
    let outputs = outputs.collect::<Result<Vec<_>>>()?;
    let unused = reader.tensors.iter().enumerate().filter(|(i, t)| {
        !used.contains(i)
            && !outputs.iter().any(|(name, _)| *name == t.name)
            && (t.data.is_some() || inputs.contains(i))
    });
    let unused = unused.map(|(_, t)| t.name.clone()).collect();
    let draft = Draft {
        format: Format::Tflite,
        name: graph.text(4)?,
        builder: reader.builder,
        inputs: placed,
        outputs,
        unused,
    };
    passes::finish(draft, options)
}

/// The number and the name of an operator's kind.
fn code(table: &Table<'_>) -> Result<(i32, String)> {
    // Numbers above 127 are in the newer field.
    let number = i32::from(table.byte(0, 0)?.cast_signed()).max(table.int(3, 0)?);
    let custom = table.text(1)?;
    let name = names::name(number);
    Ok((number, if number == 32 { format!("{name} {}", custom.chars().take(80).collect::<String>()) } else { name }))
}

fn tensor<'a>(table: &Table<'a>, buffers: &[Table<'a>]) -> Result<Info<'a>> {
    let name: String = table.text(3)?.chars().take(256).collect();
    let buffer = table.int(2, 0)?;
    let data = match usize::try_from(buffer).ok().and_then(|b| buffers.get(b)) {
        None => return Err(Error::tensor(&name, format!("its buffer is {buffer}, and there are {}", buffers.len()))),
        Some(buffer) => {
            if buffer.long(1)? > 1 {
                return Err(Error::tensor(&name, "its data are behind the end of the tables, which is not supported"));
            }
            buffer.raw(0, 1)?.filter(|bytes| !bytes.is_empty())
        }
    };
    if data.is_some() && table.table(6)?.is_some() {
        return Err(Error::tensor(&name, "it is sparse, which is not supported"));
    }
    let (shape, signature) = (table.ints(0)?.unwrap_or_default(), table.ints(7)?.unwrap_or_default());
    let quantisation = match table.table(4)? {
        Some(own) => scales(&own).map_err(|what| Error::tensor(&name, what.to_string()))?,
        None => None,
    };
    Ok(Info { name, shape, signature, element: table.byte(1, 0)?, data, quantisation })
}

/// The scales and zero points of a tensor, if it has any.
fn scales(table: &Table<'_>) -> Result<Option<Quantisation>> {
    let scales: Vec<f32> =
        table.raw(2, 4)?.unwrap_or_default().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    if scales.is_empty() {
        return Ok(None);
    }
    if let Some(at) = scales.iter().position(|scale| !scale.is_finite() || *scale <= 0.0) {
        return Err(Error::tflite(format!("scale {at} is {:?}, expected a number above 0", scales[at])));
    }
    let zeros =
        table.raw(3, 8)?.unwrap_or_default().as_chunks().0.iter().map(|&b| i32::try_from(i64::from_le_bytes(b)));
    let mut zeros =
        zeros.collect::<std::result::Result<Vec<_>, _>>().map_err(|_| Error::tflite("a zero point is no int32"))?;
    if zeros.is_empty() {
        zeros = vec![0; scales.len()];
    }
    if zeros.len() != scales.len() {
        return Err(Error::tflite(format!("{} scales and {} zero points", scales.len(), zeros.len())));
    }
    let axis = usize::try_from(table.int(6, 0)?).map_err(|_| Error::tflite("the axis of its scales is negative"))?;
    Ok(Some(Quantisation { scales, zeros, axis }))
}

/// Whether an operator computes on int8.
fn is_int8(operator: &Operator<'_>, tensors: &[Info<'_>]) -> bool {
    operator.inputs.iter().flatten().chain(&operator.outputs).any(|&i| tensors[i].element == 9)
}

fn is_known(operator: &Operator<'_>, tensors: &[Info<'_>]) -> bool {
    if is_int8(operator, tensors) { convert::int8::is_known(operator.code) } else { convert::is_known(operator.code) }
}

/// Operators that outputs depend on, in their order, and the tensors that these use.
fn needed<'a>(operators: Vec<Operator<'a>>, outputs: &[usize]) -> (Vec<Operator<'a>>, HashSet<usize>) {
    let mut used: HashSet<usize> = outputs.iter().copied().collect();
    let mut kept = Vec::new();
    for operator in operators.into_iter().rev() {
        if operator.outputs.iter().any(|o| used.contains(o)) {
            used.extend(operator.inputs.iter().flatten());
            kept.push(operator);
        }
    }
    kept.reverse();
    (kept, used)
}

/// The first operator that computes with integers other than int8, or with int8 and f32.
fn quantised(operators: &[Operator<'_>], tensors: &[Info<'_>]) -> Result<()> {
    for operator in operators {
        // QUANTIZE and DEQUANTIZE are there for that.
        let hybrid =
            !matches!(operator.code, 6 | 114) && operator.outputs.first().is_some_and(|&o| tensors[o].element == 0);
        let small = |&i: &usize| matches!(tensors[i].element, 3 | 7 | 17) || (hybrid && tensors[i].element == 9);
        if let Some(found) = operator.inputs.iter().flatten().chain(&operator.outputs).copied().find(|i| small(i)) {
            let element = match (names::element(tensors[found].element), hybrid) {
                ("int8", true) => "int8 (hybrid: weights of integers, values of f32)",
                (element, _) => element,
            };
            let operator = format!("{} {}", operator.site.kind, quoted(&operator.site.name));
            return Err(Error::Quantised { tensor: tensors[found].name.clone(), operator, element });
        }
    }
    Ok(())
}

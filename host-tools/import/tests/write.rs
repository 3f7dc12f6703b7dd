//! Small ONNX files.
use shatterscope_import::{
    Error, Model, Options, Tensor,
    messages::{
        AttributeProto, Dimension, GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
        TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    },
    onnx,
};

/// A graph that is being written.
#[derive(Clone, Default)]
pub struct File {
    pub opset: i64,
    pub graph: GraphProto,
}

/// An attribute's value.
pub enum A<'a> {
    I(i64),
    F(f32),
    S(&'a str),
    Is(&'a [i64]),
    Fs(&'a [f32]),
    T(Box<TensorProto>),
}

pub fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.into(),
        data_type: Some(1),
        float_data: data.into(),
        ..Default::default()
    }
}

pub fn integers(name: &str, dims: &[i64], data: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.into(),
        data_type: Some(7),
        int64_data: data.into(),
        ..Default::default()
    }
}

pub fn info(name: &str, element: i32, dims: &[i64]) -> ValueInfoProto {
    let dim = dims.iter().map(|&n| match n {
        -1 => Dimension { dim_param: Some("N".into()), ..Default::default() },
        n => Dimension { dim_value: Some(n), ..Default::default() },
    });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: Some(element), shape });
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type }) }
}

impl File {
    /// A graph of one input `x` and one output `y`.
    pub fn new(opset: i64, x: &[i64]) -> Self {
        let graph = GraphProto {
            name: Some("test".into()),
            input: vec![info("x", 1, x)],
            output: vec![info("y", 1, &[])],
            ..Default::default()
        };
        Self { opset, graph }
    }

    pub fn input(mut self, name: &str, element: i32, dims: &[i64]) -> Self {
        self.graph.input.push(info(name, element, dims));
        self
    }

    pub fn tensor(mut self, tensor: TensorProto) -> Self {
        self.graph.initializer.push(tensor);
        self
    }

    pub fn floats(self, name: &str, dims: &[i64], data: &[f32]) -> Self {
        self.tensor(floats(name, dims, data))
    }

    pub fn ints(self, name: &str, data: &[i64]) -> Self {
        self.tensor(integers(name, &[data.len() as i64], data))
    }

    pub fn node(mut self, kind: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, A<'_>)]) -> Self {
        let list = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        let attribute = attributes.iter().map(|(name, value)| {
            let mut a = AttributeProto { name: Some((*name).to_owned()), ..Default::default() };
            a.r#type = Some(match value {
                A::F(v) => {
                    a.f = Some(*v);
                    1
                }
                A::I(v) => {
                    a.i = Some(*v);
                    2
                }
                A::S(v) => {
                    a.s = Some(v.as_bytes().into());
                    3
                }
                A::T(v) => {
                    a.t = Some(TensorProto::clone(v));
                    4
                }
                A::Fs(v) => {
                    a.floats = v.to_vec();
                    6
                }
                A::Is(v) => {
                    a.ints = v.to_vec();
                    7
                }
            });
            a
        });
        self.graph.node.push(NodeProto {
            input: list(inputs),
            output: list(outputs),
            name: Some(format!("{}{}", kind.to_lowercase(), self.graph.node.len())),
            op_type: Some(kind.to_owned()),
            attribute: attribute.collect(),
            domain: None,
        });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        ModelProto {
            ir_version: Some(8),
            graph: Some(self.graph.clone()),
            opset_import: vec![OperatorSetIdProto { domain: None, version: Some(self.opset) }],
        }
        .encode_to_vec()
    }

    pub fn read(&self) -> Result<Model, Error> {
        onnx(&self.bytes(), None, &Options::default())
    }

    /// The output, where it is constant.
    pub fn folded(&self) -> Tensor {
        let model = self.read().unwrap();
        model.values[model.outputs[0]].constant.clone().expect("a constant output")
    }
}

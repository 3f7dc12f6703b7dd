//! Small TensorFlow Lite files, one operator each, written with the format's own library.
use crate::{
    hostile::checked,
    interpret::{Array, run},
};
use flatbuffers::{FlatBufferBuilder, TableUnfinishedWIPOffset, UnionWIPOffset, WIPOffset};
use shatterscope_import::{Error, Model, Operation as O, Options, Order, tflite};

/// An option of an operator.
enum F {
    Byte(u8),
    Int(i32),
    Float(f32),
    Ints(Vec<i32>),
}

type Fields = Vec<(u16, F)>;

struct Tensor {
    shape: Vec<i32>,
    element: u8,
    data: Vec<u8>,
    open: bool,
}

/// Operators in a row; tensor 0 is the input, the last one the output.
#[derive(Default)]
struct Lite {
    tensors: Vec<Tensor>,
    /// Number, inputs, outputs, options.
    operators: Vec<(i32, Vec<i32>, Vec<i32>, Fields)>,
}

type Builder = FlatBufferBuilder<'static>;
type Any = WIPOffset<UnionWIPOffset>;

fn table(b: &mut Builder, fields: impl FnOnce(&mut Builder)) -> Any {
    let start: WIPOffset<TableUnfinishedWIPOffset> = b.start_table();
    fields(b);
    b.end_table(start).as_union_value()
}

fn slot(number: u16) -> u16 {
    4 + 2 * number
}

fn tables(b: &mut Builder, list: &[Any]) -> Any {
    b.start_vector::<flatbuffers::ForwardsUOffset<u8>>(list.len());
    for &offset in list.iter().rev() {
        b.push(offset);
    }
    b.end_vector::<u8>(list.len()).as_union_value()
}

impl Lite {
    fn tensor(mut self, shape: &[i32]) -> Self {
        self.tensors.push(Tensor { shape: shape.into(), element: 0, data: Vec::new(), open: false });
        self
    }

    fn constant(mut self, shape: &[i32], data: &[f32]) -> Self {
        self = self.tensor(shape);
        self.tensors.last_mut().unwrap().data = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self
    }

    fn ints(mut self, shape: &[i32], data: &[i32]) -> Self {
        self = self.tensor(shape);
        let last = self.tensors.last_mut().unwrap();
        last.element = 2;
        last.data = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self
    }

    fn operator(mut self, code: i32, inputs: &[i32], output: i32, options: Fields) -> Self {
        self.operators.push((code, inputs.into(), vec![output], options));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let b = &mut Builder::new();
        let mut buffers = vec![table(b, |_| {})];
        let mut tensors = Vec::new();
        for (i, tensor) in self.tensors.iter().enumerate() {
            let mut buffer = 0;
            if !tensor.data.is_empty() {
                let data = b.create_vector(&tensor.data);
                buffer = buffers.len() as u32;
                buffers.push(table(b, |b| b.push_slot_always(slot(0), data)));
            }
            let (shape, name) = (b.create_vector(&tensor.shape), b.create_string(&format!("t{i}")));
            let mut open = tensor.shape.clone();
            open.iter_mut().take(1).for_each(|n| *n = -1);
            let signature = b.create_vector(&open);
            tensors.push(table(b, |b| {
                b.push_slot_always(slot(0), shape);
                b.push_slot_always(slot(1), tensor.element);
                b.push_slot_always(slot(2), buffer);
                b.push_slot_always(slot(3), name);
                if tensor.open {
                    b.push_slot_always(slot(7), signature);
                }
            }));
        }
        let (mut codes, mut operators) = (Vec::new(), Vec::new());
        for (i, (code, inputs, outputs, options)) in self.operators.iter().enumerate() {
            codes.push(table(b, |b| {
                b.push_slot_always(slot(0), (*code).min(127) as i8);
                b.push_slot_always(slot(3), *code);
            }));
            let lists: Vec<_> = (options.iter())
                .filter_map(|(field, value)| match value {
                    F::Ints(list) => Some((*field, b.create_vector(list))),
                    _ => None,
                })
                .collect();
            let options = table(b, |b| {
                for (field, value) in options {
                    match value {
                        F::Byte(v) => b.push_slot_always(slot(*field), *v),
                        F::Int(v) => b.push_slot_always(slot(*field), *v),
                        F::Float(v) => b.push_slot_always(slot(*field), *v),
                        F::Ints(_) => {}
                    }
                }
                lists.iter().for_each(|(field, list)| b.push_slot_always(slot(*field), *list));
            });
            let (inputs, outputs) = (b.create_vector(inputs), b.create_vector(outputs));
            operators.push(table(b, |b| {
                b.push_slot_always(slot(0), i as u32);
                b.push_slot_always(slot(1), inputs);
                b.push_slot_always(slot(2), outputs);
                b.push_slot_always(slot(4), options);
            }));
        }
        let (tensors, operators) = (tables(b, &tensors), tables(b, &operators));
        let (inputs, outputs) = (b.create_vector(&[0i32]), b.create_vector(&[self.tensors.len() as i32 - 1]));
        let graph = table(b, |b| {
            b.push_slot_always(slot(0), tensors);
            b.push_slot_always(slot(1), inputs);
            b.push_slot_always(slot(2), outputs);
            b.push_slot_always(slot(3), operators);
        });
        let (codes, graphs, buffers) = (tables(b, &codes), tables(b, &[graph]), tables(b, &buffers));
        let root = table(b, |b| {
            b.push_slot_always(slot(0), 3u32);
            b.push_slot_always(slot(1), codes);
            b.push_slot_always(slot(2), graphs);
            b.push_slot_always(slot(4), buffers);
        });
        b.finish(WIPOffset::<u8>::new(root.value()), Some("TFL3"));
        b.finished_data().to_vec()
    }

    fn read(&self) -> Result<Model, Error> {
        tflite(&self.bytes(), &Options::default())
    }

    /// The output for the numbers 0, 1, 2, ...
    fn compute(&self) -> Array {
        let model = self.read().unwrap();
        let shape = model.values[model.inputs[0]].shape.clone();
        let n: usize = shape.iter().product();
        run(&model, &[Array { shape, data: (0..n).map(|i| i as f64).collect() }]).remove(0)
    }
}

fn lite(shape: &[i32]) -> Lite {
    Lite::default().tensor(shape)
}

#[test]
fn arithmetic_and_fused_activations() {
    for (code, expected) in
        [(0, [2.0, 3.0, 4.0]), (41, [-2.0, -1.0, 0.0]), (18, [0.0, 2.0, 4.0]), (42, [0.0, 0.5, 1.0])]
    {
        let file = lite(&[1, 3]).constant(&[1], &[2.0]).tensor(&[1, 3]).operator(code, &[0, 1], 2, vec![]);
        assert_eq!(file.compute().data, expected, "operator {code}");
    }
    for (number, expected) in
        [(1, O::Relu), (2, O::Clip { min: -1.0, max: 1.0 }), (3, O::Clip { min: 0.0, max: 6.0 }), (4, O::Tanh)]
    {
        let file = lite(&[3]).tensor(&[3]).operator(0, &[0, 0], 1, vec![(0, F::Byte(number))]);
        let model = file.read().unwrap();
        assert_eq!(model.nodes.iter().map(|n| n.op.clone()).collect::<Vec<_>>(), [O::Add, expected]);
    }
    for (code, options, expected) in [
        (14, vec![], O::Sigmoid),
        (28, vec![], O::Tanh),
        (19, vec![], O::Relu),
        (21, vec![], O::Clip { min: 0.0, max: 6.0 }),
        (98, vec![(0, F::Float(0.25))], O::LeakyRelu { alpha: 0.25 }),
        (25, vec![(0, F::Float(1.0))], O::Softmax { axis: 0 }),
    ] {
        let file = lite(&[3]).tensor(&[3]).operator(code, &[0], 1, options);
        assert_eq!(file.read().unwrap().nodes[0].op, expected);
    }
}

#[test]
fn shapes() {
    let reshape = lite(&[2, 3]).ints(&[2], &[3, -1]).tensor(&[3, 2]).operator(22, &[0, 1], 2, vec![]);
    assert_eq!(reshape.compute().shape, [3, 2]);
    let option = lite(&[2, 3]).tensor(&[6]).operator(22, &[0], 1, vec![(0, F::Ints(vec![6]))]);
    assert_eq!(option.compute().shape, [6]);
    let squeeze = lite(&[1, 2, 1]).tensor(&[1, 2]).operator(43, &[0], 1, vec![(0, F::Ints(vec![-1]))]);
    assert_eq!(squeeze.compute().shape, [1, 2]);
    let expand = lite(&[2]).ints(&[], &[-1]).tensor(&[2, 1]).operator(70, &[0, 1], 2, vec![]);
    assert_eq!(expand.compute().shape, [2, 1]);
    let transpose = lite(&[2, 2]).ints(&[2], &[1, 0]).tensor(&[2, 2]).operator(39, &[0, 1], 2, vec![]);
    assert_eq!(transpose.compute().data, [0.0, 2.0, 1.0, 3.0]);
    let pad = lite(&[1, 2]).ints(&[2, 2], &[0, 0, 1, 2]).tensor(&[1, 5]).operator(34, &[0, 1], 2, vec![]);
    assert_eq!(pad.compute().data, [0.0, 0.0, 1.0, 0.0, 0.0]);
    let concat = lite(&[1, 2]).constant(&[1, 1], &[9.0]).tensor(&[1, 3]).operator(2, &[0, 1], 2, vec![(0, F::Int(-1))]);
    assert_eq!(concat.compute().data, [0.0, 1.0, 9.0]);
    let mean = lite(&[1, 2, 1, 2]).ints(&[2], &[1, 2]).tensor(&[1, 2]).operator(40, &[0, 1], 2, vec![]);
    assert_eq!(mean.compute().data, [1.0, 2.0]);
    let slice = |begin: &[i32], end: &[i32], step: &[i32], to: &[i32], masks: [i32; 3]| {
        let file = lite(&[2, 4]).ints(&[2], begin).ints(&[2], end).ints(&[2], step).tensor(to);
        let masks = vec![(0, F::Int(masks[0])), (1, F::Int(masks[1])), (4, F::Int(masks[2]))];
        file.operator(45, &[0, 1, 2, 3], 4, masks).compute().data
    };
    assert_eq!(slice(&[0, 1], &[1, 3], &[1, 1], &[1, 2], [0, 0, 0]), [1.0, 2.0]);
    assert_eq!(slice(&[0, 0], &[0, 0], &[1, -2], &[2, 2], [3, 3, 0]), [3.0, 1.0, 7.0, 5.0]);
    assert_eq!(slice(&[-1, 0], &[0, 4], &[1, 2], &[2], [0, 0, 1]), [4.0, 6.0]);
}

#[test]
fn images() {
    let options = |stride: i32| vec![(0, F::Byte(0)), (1, F::Int(stride)), (2, F::Int(stride))];
    // A convolution of one pixel is a product of matrices; the bias is added.
    let conv = lite(&[1, 1, 2, 2]).constant(&[1, 1, 1, 2], &[1.0, 10.0]).constant(&[1], &[100.0]).tensor(&[1, 1, 2, 1]);
    let conv = conv.operator(3, &[0, 1, 2], 3, options(1));
    assert_eq!(conv.compute().data, [110.0, 132.0]);
    let model = conv.read().unwrap();
    assert!(model.nodes.iter().any(|n| matches!(n.op, O::Conv { order: Order::Tflite, .. })));
    // Output channel m + c * multiplier.
    let depthwise = lite(&[1, 1, 1, 2]).constant(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]).tensor(&[1, 1, 1, 4]);
    let mut with_multiplier = options(1);
    with_multiplier.push((3, F::Int(2)));
    assert_eq!(depthwise.operator(4, &[0, 1], 2, with_multiplier).compute().data, [0.0, 0.0, 3.0, 4.0]);
    // What SAME adds goes to the end first.
    let same = lite(&[1, 1, 4, 1]).constant(&[1, 1, 3, 1], &[1.0, 1.0, 1.0]).tensor(&[1, 1, 2, 1]);
    assert_eq!(same.operator(3, &[0, 1], 2, options(2)).compute().data, [3.0, 5.0]);
    for (code, expected) in [(1, [0.5, 2.0]), (17, [1.0, 2.0])] {
        let mut window = options(2);
        window.extend([(3, F::Int(2)), (4, F::Int(1))]);
        let pool = lite(&[1, 1, 3, 1]).tensor(&[1, 1, 2, 1]).operator(code, &[0], 1, window);
        assert_eq!(pool.compute().data, expected, "operator {code}");
    }
    let dense = lite(&[1, 2, 1]).constant(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).constant(&[2], &[0.5, 0.5]).tensor(&[1, 2]);
    let dense = dense.operator(9, &[0, 1, 2], 3, vec![]);
    assert_eq!(dense.compute().data, [2.5, 4.5]);
}

/// Rows may be more than the file has where its signature leaves them open.
#[test]
fn batches() {
    let mut file = lite(&[1, 2, 1]).ints(&[2], &[1, 2]).tensor(&[1, 2]).operator(22, &[0, 1], 2, vec![]);
    let four = Options { batch: Some(4), ..Options::default() };
    assert_eq!(tflite(&file.bytes(), &four).unwrap().values[0].shape, [1, 2, 1]);
    file.tensors[0].open = true;
    let model = tflite(&file.bytes(), &four).unwrap();
    assert_eq!(model.values[model.inputs[0]].shape, [4, 2, 1]);
    assert_eq!(model.values[model.outputs[0]].shape, [4, 2]);
}

#[test]
fn constants_of_f16() {
    let mut file =
        lite(&[2]).tensor(&[2]).tensor(&[2]).tensor(&[2]).operator(6, &[1], 2, vec![]).operator(0, &[0, 2], 3, vec![]);
    file.tensors[1].element = 1;
    file.tensors[1].data = vec![0x00, 0x3c, 0x00, 0xc0];
    assert_eq!(file.compute().data, [1.0, -1.0]);
}

#[test]
fn what_is_wrong_is_named() {
    let line = |file: &Lite| {
        let text = file.read().unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    };
    let unsupported = lite(&[2]).tensor(&[2]).tensor(&[2]).tensor(&[2]);
    let unsupported =
        unsupported.operator(119, &[0], 1, vec![]).operator(16, &[1], 2, vec![]).operator(119, &[2], 3, vec![]);
    assert_eq!(line(&unsupported), "unsupported operations (3): WHILE (t1, t3); LSTM (t2)");
    let missing = lite(&[2]).tensor(&[2]).tensor(&[2]).operator(0, &[0, 1], 2, vec![]);
    assert!(line(&missing).contains("`t1` is needed by ADD `t2`"));
    let shape = lite(&[2]).tensor(&[3]).operator(19, &[0], 1, vec![]);
    assert_eq!(line(&shape), "RELU `t1`: its output has shape [3] in the file, expected [2]");
    let data = lite(&[2]).constant(&[2], &[1.0]).tensor(&[2]).operator(0, &[0, 1], 2, vec![]);
    assert_eq!(line(&data), "tensor `t1`: 4 bytes of data, expected 2 times 4 for shape [2]");
    let index = lite(&[2]).tensor(&[2]).operator(0, &[0, 77], 1, vec![]);
    assert!(line(&index).contains("tensor 77 is named"));
    let stride = lite(&[1, 1, 2, 2]).constant(&[1, 1, 1, 2], &[1.0, 1.0]).tensor(&[1, 1, 2, 1]);
    assert!(line(&stride.operator(3, &[0, 1], 2, vec![(0, F::Byte(0))])).contains("stride_h is 0"));
    let mut integers = lite(&[2]).tensor(&[2]).operator(19, &[0], 1, vec![]);
    integers.tensors[0].element = 9;
    assert!(line(&integers).contains("quantised networks are not supported yet: tensor `t0`"));
    let beta = lite(&[2]).tensor(&[2]).operator(25, &[0], 1, vec![(0, F::Float(2.0))]);
    assert!(line(&beta).contains("beta 2"));
}

#[test]
fn every_truncation_and_every_changed_byte() {
    let options = vec![(0, F::Byte(0)), (1, F::Int(1)), (2, F::Int(1))];
    let conv = lite(&[1, 1, 2, 2]).constant(&[1, 1, 1, 2], &[1.0, 10.0]).constant(&[1], &[100.0]).tensor(&[1, 1, 2, 1]);
    let bytes = conv.operator(3, &[0, 1, 2], 3, options).bytes();
    assert!(tflite(&bytes, &Options::default()).is_ok());
    for n in 0..bytes.len() {
        checked(tflite(&bytes[..n], &Options::default()));
        for value in (0..=255).step_by(15) {
            let mut changed = bytes.clone();
            changed[n] = value;
            checked(tflite(&changed, &Options::default()));
        }
    }
}

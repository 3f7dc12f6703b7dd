//! The names of operations in lists of layers, and the keys of each.
use shatterscope::graph::Function;

/// An operation as a list names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation {
    pub name: &'static str,
    /// Besides `name`, `input` and `inputs`, which all have.
    pub keys: &'static [&'static str],
    /// Whether it has tensors, whose names begin with the name of the layer or with `tensors`.
    pub tensors: bool,
}

const fn plain(name: &'static str, keys: &'static [&'static str]) -> Operation {
    Operation { name, keys, tensors: false }
}

const fn with_tensors(name: &'static str, keys: &'static [&'static str]) -> Operation {
    Operation { name, keys, tensors: true }
}

const CONV: &[&str] = &["stride", "padding", "dilation", "groups"];
const POOL: &[&str] = &["kernel", "stride", "padding", "dilation"];
const AVERAGE: &[&str] = &["kernel", "stride", "padding", "dilation", "count-padding"];
const SCALES: &[&str] = &["a", "b"];

/// All operations but the functions of single elements, which come from the core's table.
const OPERATIONS: [Operation; 45] = [
    with_tensors("dense", &[]),
    with_tensors("conv", CONV),
    with_tensors("grouped-conv", CONV),
    with_tensors("taps-first-conv", CONV),
    with_tensors("prelu", &[]),
    with_tensors("batch-norm", &["eps", "momentum"]),
    with_tensors("group-norm", &["groups", "eps"]),
    with_tensors("layer-norm", &["eps"]),
    with_tensors("constant", &["shape"]),
    plain("relu", &[]),
    plain("relu6", &[]),
    plain("crelu", &[]),
    plain("sigmoid", &[]),
    plain("elu", &["alpha"]),
    plain("softmax", &["axis"]),
    plain("log-softmax", &["axis"]),
    plain("normalise", &["eps"]),
    plain("centre", &[]),
    plain("dropout", &["rate"]),
    plain("max-pool", POOL),
    plain("average-pool", AVERAGE),
    plain("dilated-max-pool", POOL),
    plain("dilated-average-pool", AVERAGE),
    plain("global-average-pool", &[]),
    plain("global-max-pool", &[]),
    plain("reduce", &["reduction", "axes"]),
    plain("flatten", &[]),
    plain("reshape", &["shape"]),
    plain("transpose", &["axes"]),
    plain("slice", &["axis", "start", "step", "count"]),
    plain("pad", &["mode", "value", "channels", "rows", "columns"]),
    plain("expand", &["shape"]),
    plain("resize", &["axis", "size", "numerator", "offset", "denominator"]),
    plain("upsample", &["scale"]),
    plain("shortcut", &["channels", "stride"]),
    plain("fork", &[]),
    plain("join", SCALES),
    plain("add", SCALES),
    plain("subtract", &[]),
    plain("multiply", &[]),
    plain("divide", &[]),
    plain("concat", &["axis"]),
    plain("matmul", &["transposed"]),
    plain("maximum", &[]),
    plain("minimum", &[]),
];

/// Other spellings.
const ALIASES: [(&str, &str); 16] = [
    ("linear", "dense"),
    ("conv1d", "conv"),
    ("conv2d", "conv"),
    ("center", "centre"),
    ("normalize", "normalise"),
    ("maxpool", "max-pool"),
    ("avg-pool", "average-pool"),
    ("avgpool", "average-pool"),
    ("global-avg-pool", "global-average-pool"),
    ("leakyrelu", "leaky-relu"),
    ("hardsigmoid", "hard-sigmoid"),
    ("hardswish", "hard-swish"),
    ("swish", "silu"),
    ("batchnorm", "batch-norm"),
    ("groupnorm", "group-norm"),
    ("layernorm", "layer-norm"),
];

/// The keys of the numbers a and b of functions that have some, and their defaults, which are PyTorch's; a key without one is needed.
type Numbers = (&'static [&'static str], [Option<f32>; 2]);

const fn of_function(function: Function) -> Numbers {
    match function {
        Function::LeakyRelu => (&["slope"], [Some(0.01), Some(0.0)]),
        Function::Clip => (&["min", "max"], [Some(f32::NEG_INFINITY), Some(f32::INFINITY)]),
        Function::Selu => (&["alpha", "scale"], [Some(1.673_263_2), Some(1.050_701)]),
        Function::HardSigmoid => (&["scale", "shift"], [Some(1.0 / 6.0), Some(0.5)]),
        Function::Silu => (&["scale"], [Some(1.0), Some(0.0)]),
        Function::Power => (&["exponent"], [None, Some(0.0)]),
        Function::Affine => (&["scale", "shift"], [Some(1.0), Some(0.0)]),
        _ => (&[], [Some(0.0), Some(0.0)]),
    }
}

/// The function of the core with this name, and its numbers.
pub(super) fn function(name: &str) -> Option<(Function, Numbers)> {
    let all = Function::LIST.iter().map(|(function, _)| *function);
    all.into_iter().find(|function| function.name() == name).map(|function| (function, of_function(function)))
}

/// The operation of a word, in any of its spellings.
pub(super) fn find(word: &str) -> Option<Operation> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    let name = ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word.as_str(), |(_, name)| name);
    let own = OPERATIONS.iter().find(|operation| operation.name == name).copied();
    own.or_else(|| {
        let (function, (keys, _)) = function(name)?;
        Some(plain(function.name(), keys))
    })
}

/// The names of all operations.
pub fn names() -> impl Iterator<Item = &'static str> {
    let functions = Function::LIST.iter().map(|(function, _)| function.name());
    OPERATIONS.iter().map(|operation| operation.name).chain(functions)
}

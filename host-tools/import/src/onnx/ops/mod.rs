//! The operators, one function each: from a node of any version to operations with the newest meaning.
mod activation;
mod adagrad;
mod adam;
mod arithmetic;
mod condition;
mod constant;
mod conv_transpose;
mod gather_elements;
mod logic;
mod loss;
mod momentum;
mod movement;
mod normalise;
mod optimiser;
mod pool;
mod product;
mod reduce;
mod resize;
mod select;
mod slice;

use super::scope::{Results, Scope};
pub use slice::resolve as resolve_slice;

/// A function that converts a node.
pub type Convert = fn(Scope<'_, '_>) -> Results;

/// The function for an operator, if it is supported.
pub fn converter(kind: &str) -> Option<Convert> {
    Some(match kind {
        "Relu" | "Sigmoid" | "Tanh" | "HardSwish" | "Softplus" | "Softsign" | "Abs" | "Neg" | "Exp" | "Log" | "Erf"
        | "Sqrt" | "Reciprocal" => activation::plain,
        "LeakyRelu" | "Elu" | "Selu" | "HardSigmoid" | "Gelu" => activation::with_numbers,
        "Celu" => activation::celu,
        "Mish" => activation::mish,
        "PRelu" => activation::prelu,
        "Clip" => activation::clip,
        "Softmax" | "LogSoftmax" => activation::softmax,
        "Add" | "Sub" | "Mul" | "Div" => arithmetic::binary,
        "Pow" => arithmetic::pow,
        "Sum" | "Mean" | "Min" | "Max" => arithmetic::variadic,
        "Mod" => logic::modulo,
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => logic::compare,
        "And" | "Or" | "Xor" => logic::logical,
        "Not" => logic::not,
        "ThresholdedRelu" => condition::thresholded_relu,
        "Shrink" => condition::shrink,
        "Where" => select::select,
        "Floor" | "Ceil" | "Round" | "Sign" => logic::rounded,
        "Constant" => constant::constant,
        "ConstantOfShape" => constant::constant_of_shape,
        "Range" => constant::range,
        "Shape" => constant::shape,
        "Size" => constant::size,
        "NonZero" => constant::non_zero,
        "EyeLike" => constant::eye_like,
        "Trilu" => constant::trilu,
        "Cast" => constant::cast,
        "CastLike" => constant::cast_like,
        "Identity" => movement::identity,
        "Dropout" => movement::dropout,
        "Reshape" => movement::reshape,
        "Flatten" => movement::flatten,
        "Squeeze" => movement::squeeze,
        "Unsqueeze" => movement::unsqueeze,
        "Transpose" => movement::transpose,
        "Expand" => movement::expand,
        "Concat" => movement::concat,
        "Gather" => movement::gather,
        "GatherElements" => gather_elements::gather_elements,
        "DepthToSpace" => movement::depth_to_space,
        "SpaceToDepth" => movement::space_to_depth,
        "Tile" => slice::tile,
        "Slice" => slice::slice,
        "Split" => slice::split,
        "Pad" => slice::pad,
        "Conv" => product::conv,
        "ConvTranspose" => conv_transpose::conv_transpose,
        "Gemm" => product::gemm,
        "MatMul" => product::matmul,
        "MaxPool" | "AveragePool" => pool::pool,
        "GlobalAveragePool" | "GlobalMaxPool" => pool::global,
        "BatchNormalization" => normalise::batch,
        "InstanceNormalization" => normalise::instance,
        "LayerNormalization" => normalise::layer,
        "GroupNormalization" => normalise::group,
        "MeanVarianceNormalization" => normalise::mean_variance,
        "LRN" => normalise::local_response,
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => reduce::reduce,
        "CumSum" => reduce::cumulative,
        "NegativeLogLikelihoodLoss" => loss::negative_log_likelihood,
        "SoftmaxCrossEntropyLoss" => loss::softmax_cross_entropy,
        "Resize" => resize::resize,
        "Upsample" => resize::upsample,
        _ => return None,
    })
}

/// The domain of the optimisers.
pub const TRAINING: &str = "ai.onnx.preview.training";

/// The function for an operator of [`TRAINING`], if it is supported.
pub fn optimiser(kind: &str) -> Option<Convert> {
    Some(match kind {
        "Adagrad" => adagrad::adagrad,
        "Adam" => adam::adam,
        "Momentum" => momentum::momentum,
        _ => return None,
    })
}

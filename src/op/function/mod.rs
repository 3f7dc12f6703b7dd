//! Functions of single elements in models from files: a line of the table each, and a type with the value and the derivative.
mod bends;
mod exponentials;
mod gates;
mod normal;
mod powers;

use super::facts::compiled;
use super::{BackwardFacts, Elements, Facts, Saved};
use crate::error::{Error, InvalidSpec};
use crate::math::is_finite;
use crate::shape::Shape;

/// A function of single elements with at most two numbers.
trait Single {
    /// What the derivative is a function of: [`Saved::Operands`], [`Saved::Value`] or [`Saved::Nothing`].
    const OF: Saved;

    /// The value at `x`.
    fn value(numbers: [f32; 2], x: f32) -> f32;

    /// The gradient or tangent `g` times the derivative, where `of` is the operand or the value.
    fn slope(numbers: [f32; 2], of: f32, g: f32) -> f32;
}

fn values<S: Single>(numbers: [f32; 2], x: &mut [f32]) {
    for x in x {
        *x = S::value(numbers, *x);
    }
}

fn slopes<S: Single>(numbers: [f32; 2], of: &[f32], g: &mut [f32]) {
    if matches!(S::OF, Saved::Nothing) {
        return g.iter_mut().for_each(|g| *g = S::slope(numbers, 0.0, *g));
    }
    for (g, of) in g.iter_mut().zip(of) {
        *g = S::slope(numbers, *of, *g);
    }
}

/// The enum, its wire numbers, its names, its types and the checks of its numbers from one table.
macro_rules! functions {
    (($a:ident $b:ident) $($(#[doc = $doc:literal])* $number:literal $name:literal $variant:ident: $single:ty, $valid:expr, ($x:expr, $y:expr);)*) => {
        /// A function of single elements of [`Op::Function`](super::Op), by its number in encoded nodes, which never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u8)]
        pub enum Function {
            $($(#[doc = $doc])* $variant = $number,)*
        }

        impl Function {
            /// All functions, each with numbers a and b of an example.
            pub const LIST: &'static [(Self, [f32; 2])] = &[$((Self::$variant, [$x, $y]),)*];

            /// The name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it computes, in words.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),*),)*
                }
            }

            /// The function of a number; None for a number of none.
            pub(super) const fn of_number(number: u32) -> Option<Self> {
                Some(match number {
                    $($number => Self::$variant,)*
                    _ => return None,
                })
            }

            /// Whether a and b are numbers that it can have.
            const fn takes(self, $a: f32, $b: f32) -> bool {
                match self {
                    $(Self::$variant => $valid,)*
                }
            }

            /// What the derivative is a function of.
            const fn of(self) -> Saved {
                match self {
                    $(Self::$variant => <$single as Single>::OF,)*
                }
            }

            /// Its value and derivative.
            pub(super) const fn elements(self, a: f32, b: f32) -> Elements {
                let (value, slope): (fn([f32; 2], &mut [f32]), fn([f32; 2], &[f32], &mut [f32])) = match self {
                    $(Self::$variant => (values::<$single>, slopes::<$single>),)*
                };
                Elements { number: a, second: b, value, slope, of: self.of() }
            }
        }
    };
}

functions! { (a b)
    /// `tanh(x)`
    1 "tanh" Tanh: exponentials::Tanh, none(a) && none(b), (0.0, 0.0);
    /// `x > 0 ? x : a x`, a at least 0
    2 "leaky-relu" LeakyRelu: bends::LeakyRelu, is_finite(a) && a >= 0.0 && none(b), (0.125, 0.0);
    /// `min(max(x, a), b)`
    3 "clip" Clip: bends::Clip, a <= b, (-0.5, 0.25);
    /// `b (x > 0 ? x : a (exp(x) - 1))`, a at least 0, b above 0
    4 "selu" Selu: exponentials::Selu, is_finite(a) && a >= 0.0 && is_finite(b) && b > 0.0, (1.67, 1.05);
    /// `min(max(a x + b, 0), 1)`, a above 0
    5 "hard-sigmoid" HardSigmoid: bends::HardSigmoid, is_finite(a) && a > 0.0 && is_finite(b), (0.75, 0.5);
    /// `x min(max(x + 3, 0), 6) / 6`
    6 "hard-swish" HardSwish: bends::HardSwish, none(a) && none(b), (0.0, 0.0);
    /// `x / (1 + exp(-a x))`
    7 "silu" Silu: gates::Silu, is_finite(a) && none(b), (1.0, 0.0);
    /// `x (1 + erf(x / sqrt(2))) / 2`
    8 "gelu" Gelu: normal::Gelu, none(a) && none(b), (0.0, 0.0);
    /// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`
    9 "gelu-tanh" GeluTanh: gates::GeluTanh, none(a) && none(b), (0.0, 0.0);
    /// `ln(1 + exp(x))`
    10 "softplus" Softplus: exponentials::Softplus, none(a) && none(b), (0.0, 0.0);
    /// `x / (1 + |x|)`
    11 "softsign" Softsign: bends::Softsign, none(a) && none(b), (0.0, 0.0);
    /// `|x|`
    12 "abs" Abs: bends::Abs, none(a) && none(b), (0.0, 0.0);
    /// `exp(x)`
    13 "exp" Exp: exponentials::Exp, none(a) && none(b), (0.0, 0.0);
    /// `ln(x)`
    14 "log" Log: exponentials::Log, none(a) && none(b), (0.0, 0.0);
    /// `erf(x)`
    15 "erf" Erf: normal::Erf, none(a) && none(b), (0.0, 0.0);
    /// `sqrt(x)`
    16 "sqrt" Sqrt: powers::Sqrt, none(a) && none(b), (0.0, 0.0);
    /// `1 / x`
    17 "reciprocal" Reciprocal: powers::Reciprocal, none(a) && none(b), (0.0, 0.0);
    /// `x^a`, a not 0
    18 "power" Power: powers::Power, is_finite(a) && a != 0.0 && none(b), (2.5, 0.0);
    /// `a x + b`
    19 "affine" Affine: bends::Affine, is_finite(a) && is_finite(b), (-0.75, 0.5);
}

/// A number that a function does not use is +0.0, so that a node has one encoding.
const fn none(number: f32) -> bool {
    number.to_bits() == 0
}

/// A function in a graph.
pub(super) const fn facts(x: Shape, function: Function, a: f32, b: f32) -> Result<Facts, Error> {
    match compiled(cfg!(feature = "models")) {
        Ok(()) if function.takes(a, b) => Facts::in_place(x),
        Ok(()) => Err(Error::InvalidSpec(InvalidSpec::Scale)),
        Err(error) => Err(error),
    }
}

/// Its backward pass.
pub(super) const fn backward(function: Function) -> BackwardFacts {
    BackwardFacts { saved: function.of(), ..BackwardFacts::IN_PLACE }
}

//! Errors: one line each that says what is wrong, what was expected and what was found.

/// Why an operator has no numbers. Who calls knows the operator and says where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A scale that no quantised value has.
    #[error("the scale of {of} is {found}: expected a positive, finite number")]
    Scale {
        /// The operand.
        of: &'static str,
        /// The scale.
        found: f32,
    },
    /// A zero point outside of int8.
    #[error("the zero point of {of} is {found}: expected -128 to 127")]
    Zero {
        /// The operand.
        of: &'static str,
        /// The zero point.
        found: i64,
    },
    /// A function whose output has one scale and zero point only.
    #[error(
        "the output of {operator} has scale {found:?} and zero point {zero}: expected scale {scale:?} and zero point {expected}"
    )]
    Fixed {
        /// The operator.
        operator: &'static str,
        /// The scale.
        found: f32,
        /// The zero point.
        zero: i32,
        /// The scale that there is.
        scale: f32,
        /// The zero point that there is.
        expected: i32,
    },
    /// Scales whose quotient the interpreters refuse.
    #[error("the scales of {operator} give the factor {found:.4e}: expected {expected}")]
    Factor {
        /// The operator.
        operator: &'static str,
        /// The factor.
        found: f64,
        /// Its limits.
        expected: &'static str,
    },
    /// Lists of different lengths.
    #[error("{found} {of} for {expected} channels out: expected one for each")]
    Count {
        /// What is listed.
        of: &'static str,
        /// How many there are.
        found: usize,
        /// The channels.
        expected: usize,
    },
    /// A profile that does not exist.
    #[error("not a profile of rounding: {0:?}; expected tflm or litert-ref")]
    Profile(String),
}

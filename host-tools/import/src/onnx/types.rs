//! Element types, by their number in the format.
use crate::builder::Element;

/// An element type of ONNX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    F32,
    U8,
    I8,
    U16,
    I16,
    I32,
    I64,
    Bool,
    F16,
    F64,
    U32,
    U64,
    Bf16,
}

/// What a [`crate::Tensor`] makes of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Float,
    Integer,
    Bool,
}

impl Type {
    /// The type with this number in the format.
    ///
    /// # Errors
    /// A type that is not supported, with its name.
    pub fn new(number: i64) -> Result<Self, String> {
        Ok(match number {
            1 => Self::F32,
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            12 => Self::U32,
            13 => Self::U64,
            16 => Self::Bf16,
            other => {
                let name = match other {
                    0 => "undefined",
                    8 => "string",
                    14 => "complex64",
                    15 => "complex128",
                    17..=20 => "an 8-bit float",
                    21 | 22 => "a 4-bit integer",
                    23 => "a 4-bit float",
                    _ => "unknown",
                };
                return Err(format!("element type {other} ({name}) is not supported"));
            }
        })
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::Bool => "bool",
            Self::F16 => "float16",
            Self::F64 => "float64",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::Bf16 => "bfloat16",
        }
    }

    pub const fn class(self) -> Class {
        match self {
            Self::F32 | Self::F16 | Self::F64 | Self::Bf16 => Class::Float,
            Self::Bool => Class::Bool,
            _ => Class::Integer,
        }
    }

    /// The type of values that are computed.
    pub const fn element(self) -> Element {
        match self.class() {
            Class::Float => Element::Float,
            _ => Element::Other(self.name()),
        }
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// A number in the precision of a floating-point type; f64 is f32 here.
    pub fn rounded(self, value: f32) -> f32 {
        match self {
            Self::F16 => half::f16::from_f32(value).to_f32(),
            Self::Bf16 => half::bf16::from_f32(value).to_f32(),
            _ => value,
        }
    }

    /// A number modulo the range of an integer type; u64 is i64 here.
    pub const fn wrapped(self, value: i64) -> i64 {
        match self {
            Self::U8 => value as u8 as i64,
            Self::I8 => value as i8 as i64,
            Self::U16 => value as u16 as i64,
            Self::I16 => value as i16 as i64,
            Self::I32 => value as i32 as i64,
            Self::U32 => value as u32 as i64,
            _ => value,
        }
    }
}

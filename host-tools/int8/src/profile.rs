use crate::Error;
use std::fmt;
use std::str::FromStr;

/// Whose roundings an int8 network has. They differ in FULLY_CONNECTED, MUL, LOGISTIC, TANH, RELU, RELU6,
/// LEAKY_RELU and HARD_SWISH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// TensorFlow Lite Micro: integers only, multipliers from binary64.
    #[default]
    Tflm,
    /// LiteRT's reference kernels (`BuiltinRefResolver`): binary64 in fully connected layers, LOGISTIC and TANH by f32, some multipliers from binary32.
    LitertRef,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 2] = [Self::Tflm, Self::LitertRef];

    /// The name: `tflm` or `litert-ref`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tflm => "tflm",
            Self::LitertRef => "litert-ref",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| Error::Profile(text.to_owned()))
    }
}

//! The numeric contract: its name, the hash that results are compared by, and the self-test of a target.
mod digest;
mod self_test;

pub use digest::Digest;
pub use self_test::{Check, float_mode_is_default, self_test};

use crate::math::Math;

/// The contract that every result of this version obeys; see `docs/numerics.md`.
pub const CONTRACT: &str = "strict-1";

/// The contract id with this maths library.
pub const fn contract_id(math: Math) -> &'static str {
    match math {
        Math::Libm => CONTRACT,
        Math::Micromath => "strict-1+micromath",
    }
}

/// The bits of `x` as they are stored, sent and hashed: every NaN is 0x7FC00000.
pub const fn canonical_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits & 0x7fff_ffff > 0x7f80_0000 { 0x7fc0_0000 } else { bits }
}

//! The numeric contract: its name, the hash that results are compared by, and the order of sums over points.
//!
//! ```
//! use shatterscope::contract::{CONTRACT, Digest, Red16, canonical_bits, contract_id};
//! use shatterscope::math::Math;
//!
//! assert_eq!(contract_id(Math::Libm), CONTRACT);
//! // All NaNs are one.
//! assert_eq!(canonical_bits(-f32::NAN), 0x7fc0_0000);
//! // Two results are equal if their digests are.
//! let digest = Digest::of(&[1.0, 2.0]);
//! assert_eq!(digest.text(), "fnv1a64:097a69ee2da301d8:8");
//! // Point p is added to lane p mod 16.
//! assert_eq!(Red16::sum([1.0, 2.0, 3.0]), 6.0);
//! ```
mod digest;
mod red16;

pub use digest::Digest;
pub use red16::Red16;

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

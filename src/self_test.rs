//! Known answers that a machine, its compiler or its floating-point mode may get wrong.
//!
//! ```
//! use shatterscope::self_test::{Check, float_mode_is_default, self_test};
//!
//! let failed = self_test();
//! assert!(!failed.contains(&Check::Contraction), "the compiler fuses products and sums");
//! assert!(failed.is_empty() && float_mode_is_default());
//! ```
use crate::math::Math;
use crate::random::philox4x32_10;
use core::hint::black_box;

/// A known answer that a machine, its compiler or its floating-point mode may get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Check {
    /// Two subnormals add to a subnormal: fails where they are flushed to zero.
    SubnormalAdd,
    /// A product of normals underflows gradually.
    UnderflowingProduct,
    /// Halfway cases round to even.
    TieToEven,
    /// a*b - c rounds the product first: fails where it is contracted to a fused multiply-add.
    Contraction,
    /// relu(-0.0) is +0.0 and relu(NaN) is +0.0.
    SignedZeroRelu,
    /// The same flush test in a loop that a compiler may vectorise.
    SubnormalVector,
    /// A correctly rounded division.
    Division,
    /// A correctly rounded square root, subnormal argument included.
    SquareRoot,
    /// ln as libm 0.2.16 gives it.
    Logarithm,
    /// Philox4x32-10 against a published answer.
    Philox,
    /// Integer to float and back.
    Conversion,
    /// The rounding mode, flush-to-zero and default-NaN bits of the control register are zero.
    ControlRegister,
    /// exp as libm 0.2.16 gives it.
    Exponential,
}

fn bits(word: u32) -> f32 {
    black_box(f32::from_bits(black_box(word)))
}

/// Compares the machine with a dozen known answers; the failing checks, empty on a good target.
///
/// Every target runs this at its start, the desktop too.
pub fn self_test() -> heapless::Vec<Check, 13> {
    let mut failed = heapless::Vec::new();
    let mut check = |check: Check, good: bool| {
        if !good {
            let _ = failed.push(check);
        }
    };
    check(Check::SubnormalAdd, (bits(1) + bits(2)).to_bits() == 3);
    check(Check::UnderflowingProduct, (bits(0x0080_0001) * bits(0x3f00_0000)).to_bits() == 0x0040_0000);
    check(
        Check::TieToEven,
        (bits(0x4b80_0000) + bits(0x3f80_0000)).to_bits() == 0x4b80_0000
            && (bits(0x4b80_0001) + bits(0x3f80_0000)).to_bits() == 0x4b80_0002,
    );
    // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 exactly, and 0 once the product is rounded.
    let near = bits(0x3f80_0800);
    check(Check::Contraction, (near * near - bits(0x3f80_1000)).to_bits() == 0);
    check(
        Check::SignedZeroRelu,
        [0x8000_0000, 0x7fc0_0000, 0x8000_0001].into_iter().all(|word| crate::op::relu(bits(word)).to_bits() == 0),
    );
    let mut series = black_box([f32::from_bits(3); 16]);
    for y in &mut series {
        *y += bits(0x0000_0005) * 1.0;
    }
    check(Check::SubnormalVector, black_box(series).iter().all(|y| y.to_bits() == 8));
    check(Check::Division, (bits(0x3f80_0000) / bits(0x4040_0000)).to_bits() == 0x3eaa_aaab);
    check(
        Check::SquareRoot,
        Math::Libm.sqrt(bits(0x4000_0000)).to_bits() == 0x3fb5_04f3
            && Math::Libm.sqrt(bits(0x0000_0001)).to_bits() == 0x1a35_04f3,
    );
    // glibc gives 0xc11e8795 here.
    check(Check::Logarithm, Math::Libm.ln(bits(0x3850_c000)).to_bits() == 0xc11e_8794);
    check(
        Check::Philox,
        philox4x32_10(
            black_box([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            black_box([0xa409_3822, 0x299f_31d0]),
        ) == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    );
    check(Check::Conversion, black_box(-16_777_215i32) as f32 as i32 == -16_777_215);
    check(Check::ControlRegister, control_register_is_default());
    // glibc gives 0x3d3f174b here.
    check(Check::Exponential, Math::Libm.exp(bits(0xc044_293b)).to_bits() == 0x3d3f_174a);
    failed
}

/// Whether the calling thread rounds to nearest and keeps subnormals: the part of [`self_test`] that another thread of the same
/// program may answer differently, in a few instructions.
///
/// A new thread takes over the mode of the one that starts it, and a library may change its own thread's.
pub fn float_mode_is_default() -> bool {
    (bits(1) + bits(2)).to_bits() == 3
        && (bits(0x0080_0001) * bits(0x3f00_0000)).to_bits() == 0x0040_0000
        && control_register_is_default()
}

/// Rounding by its results, everywhere; the bits of the register itself where there is one.
fn control_register_is_default() -> bool {
    let third = bits(0x3f80_0000) / bits(0x4040_0000);
    let minus = bits(0xbf80_0000) / bits(0x4040_0000);
    third.to_bits() ^ minus.to_bits() == 0x8000_0000
        && (bits(0x3f80_0000) + bits(0x3300_0000)).to_bits() == 0x3f80_0000
        && (bits(0xbf80_0000) + bits(0xb300_0000)).to_bits() == 0xbf80_0000
        && crate::kernel::control_bits() == 0
}

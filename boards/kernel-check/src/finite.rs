//! The search for NaN and infinity.
use crate::values::{Room, Values};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::all_finite;

const LEN: usize = 40;

/// All lengths and places; values looked at.
pub fn check(isa: Isa, mut room: Room) -> usize {
    let (values, mut series) = (room.take(LEN), Values(8));
    for len in 0..=LEN {
        let values = &mut values[..len];
        series.fill(values);
        assert!(all_finite(isa, values), "{isa:?}, {len} finite values");
        for at in 0..len {
            let kept = values[at];
            for (value, finite) in [
                (f32::MAX, true),
                (-f32::MAX, true),
                (f32::INFINITY, false),
                (f32::NEG_INFINITY, false),
                (f32::from_bits(0x7f80_0001), false),
                (f32::from_bits(0xffff_ffff), false),
            ] {
                values[at] = value;
                assert!(all_finite(isa, values) == finite, "{isa:?}, {len} values, {value:?} at {at}");
            }
            values[at] = kept;
        }
    }
    LEN * (LEN + 1) / 2 * 6
}

//! The ReLU and its tape of bits, against the plain loop.
use crate::values::{Room, Values, same};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{relu_backward, relu_forward};
use shatterscope::internals::op;

const ELEMENTS: usize = 70;
const BYTES: usize = ELEMENTS.div_ceil(8) + 1;

/// All lengths; values compared.
pub fn check(isa: Isa, mut room: Room) -> usize {
    let (found, expected) = (room.take(ELEMENTS), room.take(ELEMENTS));
    let mut values = Values(6);
    for len in 0..=ELEMENTS {
        // A byte more than there are elements, as many, one less.
        for bytes in [len.div_ceil(8) + 1, len.div_ceil(8), (len / 8).saturating_sub(1)] {
            let what = format_args!("{isa:?} ReLU, {len} elements, {bytes} bytes");
            let (found, expected) = (&mut found[..len], &mut expected[..len]);
            let (mut tape, mut expected_tape) = ([0xaa; BYTES], [0xaa; BYTES]);
            expected.fill_with(|| values.any());
            found.copy_from_slice(expected);
            relu_forward(isa, found, &mut tape[..bytes]);
            op::relu_forward(expected, &mut expected_tape[..bytes]);
            same(found, expected, what);
            assert_eq!(tape, expected_tape, "{what}");

            expected.fill_with(|| values.any());
            found.copy_from_slice(expected);
            relu_backward(isa, found, &tape[..bytes]);
            op::relu_backward(expected, &tape[..bytes]);
            same(found, expected, what);
        }
    }
    6 * ELEMENTS * (ELEMENTS + 1) / 2
}

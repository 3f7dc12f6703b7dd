//! Normals drawn many at a time.
use crate::values::{Room, same};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Along, draw};
use shatterscope::random::{Normal, Purpose, Stream};

const LEN: usize = 40;
const SCALE: f32 = 0.37;

/// All lengths; values compared.
pub fn check(isa: Isa, mut room: Room) -> usize {
    let (found, expected) = (room.take(LEN), room.take(LEN));
    let (row, column) = (u32::MAX - 3, 5);
    for normal in [Normal::IrwinHall, Normal::As241] {
        let stream = Stream::new(0x0123_4567_89ab_cdef, 3, Purpose::Weight, 2, normal);
        for along in [Along::Row, Along::Column] {
            for (i, value) in (0..).zip(expected.iter_mut()) {
                let at = match along {
                    Along::Row => (row, column + i),
                    Along::Column => (row.wrapping_add(i), column),
                };
                *value = stream.value(at.0, at.1) * SCALE;
            }
            for len in 0..=LEN {
                draw(isa, &stream, (row, column), along, SCALE, &mut found[..len]);
                same(&found[..len], &expected[..len], format_args!("{isa:?} draws, {normal:?}, {along:?}, {len}"));
            }
        }
    }
    4 * LEN * (LEN + 1) / 2
}

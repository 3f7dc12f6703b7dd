//! 1,797 handwritten digits of 8 x 8, unpacked one at a time, without allocation and without a way to panic.
#![no_std]

/// Packed; `README.md` has the layout.
static PACKED: &[u8] = include_bytes!("../digits.bin");
/// Bytes of a record: label, start of the nibbles, mask.
const RECORD: usize = 11;

/// Images.
pub const COUNT: usize = 1_797;
/// The first so many are the training part, the rest the test part.
pub const TRAIN: usize = 1_500;
/// Rows, and columns.
pub const SIDE: usize = 8;
/// Classes: labels are 0 to 9.
pub const CLASSES: usize = 10;
/// The largest value of a pixel, full ink; 0 is paper.
pub const LARGEST: u8 = 16;

/// One image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// 0 to 16, `[y][x]`.
    pub pixels: [u8; SIDE * SIDE],
    /// 0 to 9.
    pub label: u8,
}

/// The image with this number; None from [`COUNT`] on.
pub fn digit(index: usize) -> Option<Digit> {
    let (records, nibbles) = PACKED.split_at_checked(COUNT * RECORD)?;
    let &[label, start0, start1, ref mask @ ..] = records.as_chunks::<RECORD>().0.get(index)?;
    let mut mask = u64::from_le_bytes(*mask);
    let mut nibbles = nibbles.get(usize::from(u16::from_le_bytes([start0, start1]))..)?.iter();
    let (mut pixels, mut byte) = ([0; SIDE * SIDE], None);
    for pixel in &mut pixels {
        if mask & 1 == 1 {
            let nibble = match byte.take() {
                Some(high) => high,
                None => {
                    let both = *nibbles.next()?;
                    byte = Some(both >> 4);
                    both & 15
                }
            };
            *pixel = nibble + 1;
        }
        mask >>= 1;
    }
    Some(Digit { pixels, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_images_are_those_of_the_source() {
        let (mut classes, mut ink, mut hash) = ([0; CLASSES], 0, 0xcbf2_9ce4_8422_2325u64);
        for i in 0..COUNT {
            let digit = digit(i).unwrap();
            classes[usize::from(digit.label)] += 1;
            for byte in digit.pixels.into_iter().chain([digit.label]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            ink += digit.pixels.iter().map(|&p| u32::from(p)).sum::<u32>();
        }
        assert_eq!(classes, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        // FNV-1a-64 and the sum of the values of the CSV file, row by row.
        assert_eq!((hash, ink), (0x7768_69cc_e379_5967, 561_718));
        assert_eq!(digit(COUNT), None);
    }

    #[test]
    fn the_first_is_a_zero() {
        let first = digit(0).unwrap();
        let rows = first.pixels.as_chunks::<SIDE>().0;
        assert_eq!((first.label, rows[0], rows[1]), (0, [0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0]));
    }
}

//! Sums of two values with scales of their own.
#[cfg(thumb)]
use super::Products;
use super::Quantisation;
use super::requantise::requantise;
use crate::kernel::Isa;
use crate::shape::int8::TABLES_FROM;

/// The numbers of a sum: `clamp(output_zero + requantise(terms, sum))`, with the sum of both operands' terms
/// `requantise((x - zero) 2^20, operand)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The bytes that stand for 0 in the operands.
    pub zeros: [i8; 2],
    /// Multiplier and shift of each operand.
    pub operands: [[i32; 2]; 2],
    /// Multiplier and shift of the sum.
    pub sum: [i32; 2],
    /// The byte that stands for 0 in the output.
    pub output_zero: i8,
    /// The least output.
    pub low: i8,
    /// The largest output.
    pub high: i8,
}

impl Addition {
    /// The term of a byte of an operand.
    #[inline]
    fn term(&self, operand: usize, x: i8) -> i32 {
        let (zero, [multiplier, shift]) =
            if operand == 0 { (self.zeros[0], self.operands[0]) } else { (self.zeros[1], self.operands[1]) };
        // Nothing wraps: a difference of bytes by 2^20.
        requantise(i32::from(x).wrapping_sub(i32::from(zero)).wrapping_mul(1 << 20), multiplier, shift)
    }

    /// The zero point and bounds of the output.
    pub(super) fn output(&self) -> Quantisation {
        Quantisation { input_zero: 0, output_zero: self.output_zero, low: self.low, high: self.high }
    }
}

/// The sum of two values of one shape, element by element, for as many as each slice has. With less scratch it is slower, never wrong.
#[inline(never)]
pub fn quantised_add(isa: Isa, add: &Addition, x: [&[i8]; 2], scratch: &mut [u32], y: &mut [i8]) {
    let ([a, b], output, [multiplier, shift]) = (x, add.output(), add.sum);
    let value = |sum: i32| output.output(requantise(sum, multiplier, shift));
    let Some((tables, _)) = scratch.split_first_chunk_mut::<512>().filter(|_| y.len() >= TABLES_FROM) else {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = value(add.term(0, *a).wrapping_add(add.term(1, *b)));
        }
        return;
    };
    // The largest term in size, sign bits aside.
    let mut largest = 0;
    for (operand, table) in tables.chunks_exact_mut(256).enumerate() {
        for (byte, entry) in (0u8..=255).zip(table) {
            let term = add.term(operand, byte as i8);
            largest |= term ^ term >> 31;
            *entry = term as u32;
        }
    }
    let _ = (isa, largest);
    #[cfg(thumb)]
    if Products::of(isa) != Products::Portable && super::thumb::add(add, (tables, largest), x, y) {
        return;
    }
    let (first, second) = tables.split_at(256);
    for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
        let term = |table: &[u32], x: i8| table.get(usize::from(x as u8)).map_or(0, |term| *term as i32);
        *y = value(term(first, *a).wrapping_add(term(second, *b)));
    }
}

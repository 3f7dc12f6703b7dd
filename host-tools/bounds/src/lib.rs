//! Memory of exactly the length asked for, so that whoever watches sees the first element past its end.
//!
//! `cargo xtask memory` runs the tests of this package under AddressSanitizer and, where there is one, under Miri. On their own
//! they hold the kernels to the plain loops once more.
use shatterscope::exec::Isa;
use shatterscope::random::{Normal, Purpose, Stream};

/// Every instruction set that this machine has.
pub fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// Values of both signs in an allocation of their own.
pub fn values(len: usize, column: u32) -> Box<[f32]> {
    let stream = Stream::new(1, 0, Purpose::Weight, 1, Normal::IrwinHall);
    (0..len as u32).map(|row| stream.value(row, column)).collect()
}

/// Bits, for comparisons that see zeros' signs.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}
